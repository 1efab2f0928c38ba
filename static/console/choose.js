// Lists whose rows can be chosen (data-choose): choose all, count what is chosen, switch the buttons for it.
"use strict";

(() => {
  function boxes(list) {
    return [...list.querySelectorAll("input[name=ids]")];
  }

  function tell(list) {
    const all = list.querySelector("[data-choose-all]");
    if (!all) return;
    const chosen = boxes(list).filter((box) => box.checked);
    all.hidden = false;
    all.checked = chosen.length > 0 && chosen.length === boxes(list).length;
    all.indeterminate = chosen.length > 0 && !all.checked;
    for (const box of boxes(list)) box.closest("tr").setAttribute("aria-selected", String(box.checked));
    for (const button of list.querySelectorAll("[data-batch]")) button.disabled = chosen.length === 0;
    const count = list.querySelector("[data-chosen]");
    count.textContent = chosen.length ? count.dataset.chosen.replace("%s", chosen.length) : "";
  }

  function tellAll() {
    for (const list of document.querySelectorAll("[data-choose]")) tell(list);
  }

  document.addEventListener("change", (event) => {
    const list = event.target.closest("[data-choose]");
    if (!list || !event.target.matches("[data-choose-all], [name=ids]")) return;
    if (event.target.matches("[data-choose-all]")) {
      for (const box of boxes(list)) box.checked = event.target.checked;
    }
    tell(list);
  });

  // Enter would press the first button
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-choose] input[type=checkbox]")) event.preventDefault();
  });

  document.addEventListener("htmx:afterSettle", tellAll);
  tellAll();
})();
