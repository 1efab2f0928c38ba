// Ctrl+K opens the search of identifiers; the arrows go through what it finds, Enter opens it.
"use strict";

(() => {
  const dialog = document.getElementById("find");
  if (!dialog) return;
  const field = dialog.querySelector("input");

  function open() {
    if (dialog.open) return;
    dialog.showModal();
    field.select();
  }

  document.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
    const link = event.target.closest("a[data-find]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });

  // Esc empties the field first, as search fields do, then closes.
  function leave() {
    if (!field.value || document.activeElement !== field) {
      dialog.close();
      return;
    }
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  dialog.addEventListener("keydown", (event) => {
    const links = [...dialog.querySelectorAll("#find-body a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && at + 1 < links.length) links[at + 1].focus();
    else if (event.key === "ArrowUp") (at > 0 ? links[at - 1] : field).focus();
    else if (event.key === "Enter" && event.target === field && links.length > 0) links[0].click();
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
  });
})();
