// The histogram is one stop of the Tab key; the arrow keys, Home and End move between its bars.
"use strict";

function makeOneStop() {
  for (const group of document.querySelectorAll("[data-histogram]")) {
    [...group.children].forEach((bar, index) => (bar.tabIndex = index === 0 ? 0 : -1));
  }
}

makeOneStop();
document.addEventListener("htmx:afterSwap", makeOneStop);

document.addEventListener("keydown", (event) => {
  const group = event.target.closest?.("[data-histogram]");
  if (!group) return;
  const bars = [...group.children];
  const at = bars.indexOf(event.target);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 }[event.key];
  if (to === undefined || !bars[to]) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  bars[to].tabIndex = 0;
  bars[to].focus();
});
