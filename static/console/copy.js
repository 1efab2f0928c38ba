// Buttons with data-copy put their text on the clipboard and say so for a moment.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await copyText(button.dataset.copy);
  const name = button.getAttribute("aria-label");
  const use = button.querySelector("use");
  const drawn = use.getAttribute("href");
  button.classList.add("is-copied");
  button.setAttribute("aria-label", says("copied"));
  use.setAttribute("href", drawn.replace(/#.*/, "#check"));
  setTimeout(() => {
    button.classList.remove("is-copied");
    button.setAttribute("aria-label", name);
    use.setAttribute("href", drawn);
  }, 1500);
});

// Identifiers in tables get their button here: written out, these would be a fifth of the page.
function offerCopies() {
  const button = document.querySelector("template[data-copy-button]")?.content.firstElementChild;
  if (!button) return;
  for (const place of document.querySelectorAll(".table .copyable:not(:has(button))")) {
    const made = button.cloneNode(true);
    made.dataset.copy = place.textContent;
    made.setAttribute("aria-label", button.getAttribute("aria-label").replace("%s", place.textContent));
    place.append(made);
  }
}

document.addEventListener("htmx:afterSettle", offerCopies);
offerCopies();

async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Pages that come over plain http from another machine have no clipboard interface.
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
