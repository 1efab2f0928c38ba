// The list of flow logs: copy identifiers, edit the interval in its cell, acts of rows.
"use strict";

(() => {
  const section = () => document.getElementById("flow-logs");

  // Copy buttons and the Edit of each interval would be a third of the page, and are of no use without scripts.
  function offerCopies() {
    const button = document.getElementById("copy-button").content.firstElementChild;
    for (const place of section().querySelectorAll("tbody th > p:not(:has(button))")) {
      const made = button.cloneNode(true);
      made.dataset.copy = place.textContent;
      made.setAttribute("aria-label", button.getAttribute("aria-label").replace("%s", place.textContent));
      place.append(made);
    }
  }

  function offerEdits() {
    const button = document.getElementById("edit-interval").content.firstElementChild;
    const at = [...section().querySelectorAll("thead > tr > *")].findIndex((head) => head.querySelector("#sort-interval"));
    if (at < 0) return;
    for (const row of section().querySelectorAll("tbody > tr:has(a[href$='/edit/'])")) {
      const cell = row.cells[at];
      if (cell.querySelector("button")) continue;
      const made = button.cloneNode(true);
      made.dataset.inline = `${row.querySelector("[name=ids]").value}/interval/`;
      cell.firstChild.after(" ", made);
    }
  }

  // Edit and Delete open as panels. Buttons that are refused alike in every row are written once for the table.
  function offerActs() {
    const refused = [...document.getElementById("row-acts").content.children];
    for (const row of section().querySelectorAll("tbody > tr:not([data-dressed])")) {
      row.dataset.dressed = "";
      const cell = row.cells[row.cells.length - 1];
      for (const link of cell.querySelectorAll("a:not([href$='/scope/'])")) link.dataset.panel = "";
      for (const act of refused) {
        const there = cell.querySelector(`[data-act=${act.dataset.act}], a[href$="/${act.dataset.act}/"]`);
        if (!there) cell.insertBefore(act.cloneNode(true), cell.querySelector("a[href$='/scope/']"));
      }
    }
  }

  function dress() {
    offerActs();
    offerCopies();
    offerEdits();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-inline]");
    if (!button) return;
    const cell = button.closest("td");
    htmx.ajax("GET", button.dataset.inline, { source: cell, target: cell, swap: "innerHTML", select: "unset" });
  });

  document.addEventListener("keydown", (event) => {
    const cancel = event.target.closest("[data-inline-form]")?.querySelector("button[data-inline]");
    if (!cancel || event.key !== "Escape") return;
    cancel.click();
  });

  document.addEventListener("htmx:afterSettle", dress);
  dress();
})();
