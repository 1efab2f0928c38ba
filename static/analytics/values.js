// A click on a value of a log offers what can be done with it. The values come as text, which keeps the page small,
// and are made buttons here; without this script the page makes them on demand, and a click adds to the query.
"use strict";

(() => {
  const menu = () => document.getElementById("value-menu");

  document.addEventListener("click", (event) => {
    const value = event.target.closest("button[data-value]");
    if (value) {
      event.preventDefault();
      offer(value);
    } else if (event.target.closest("[data-copy-value]")) {
      // Not for the others: the focus would go back to the value, and htmx would take that for the button.
      menu().hidePopover();
    }
  });

  function makeButtons() {
    for (const table of document.querySelectorAll("table[data-plain]")) {
      const fields = [...table.tHead.rows[0].cells].map((head) => head.textContent);
      for (const row of table.tBodies[0].rows) {
        [...row.cells].slice(1).forEach((cell, index) => makeButton(cell, fields[index + 1]));
      }
      table.removeAttribute("data-plain");
    }
    for (const list of document.querySelectorAll("ol[data-plain]")) {
      for (const value of list.querySelectorAll("dd")) {
        makeButton(value, value.previousElementSibling.textContent);
      }
      list.removeAttribute("data-plain");
    }
  }

  function makeButton(cell, field) {
    const inner = cell.firstElementChild;
    if (inner?.matches(".muted")) return;
    const button = document.createElement("button");
    button.className = inner?.className ? `value ${inner.className}` : "value";
    button.name = "add";
    button.value = `${field}:${cell.textContent}`;
    button.dataset.value = "";
    if (inner?.title) button.title = inner.title;
    button.textContent = cell.textContent;
    cell.replaceChildren(button);
  }

  makeButtons();
  document.addEventListener("htmx:afterSwap", makeButtons);

  function offer(value) {
    const popover = menu();
    const [field] = value.value.split(":", 1);
    const text = value.value.slice(field.length + 1);
    popover.querySelector("[data-term]").textContent = `${field}: ${text}`;
    for (const button of popover.querySelectorAll("button[name]")) button.value = value.value;
    popover.querySelector("[data-copy-value]").dataset.copy = text;
    popover.showPopover({ source: value });
    place(popover, value.getBoundingClientRect());
    popover.querySelector("button").focus();
  }

  function place(popover, at) {
    const box = popover.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - box.width - 8);
    const below = at.bottom + 4 + box.height < window.innerHeight;
    popover.style.left = `${Math.max(8, left)}px`;
    popover.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - box.height - 4)}px`;
  }

  document.addEventListener("scroll", () => menu()?.matches(":popover-open") && menu().hidePopover(), true);
})();
