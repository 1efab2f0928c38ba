// Links with data-panel open their page as a panel from the right; buttons with data-dialog open a dialog of this page.
// The panel's address is in the address bar, so reload and a shared link show the same thing as a page.
"use strict";

(() => {
  const slot = () => document.getElementById("panel-slot");
  let opener = null;

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-panel]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      opener = link;
      open(link.href);
      return;
    }
    const button = event.target.closest("[data-dialog]");
    if (button) document.getElementById(button.dataset.dialog).showModal();
    const close = event.target.closest("[data-close]");
    const dialog = close?.closest("dialog");
    if (dialog) {
      event.preventDefault();
      dialog.close();
    } else if (event.target.matches("dialog.dialog")) {
      event.target.close();
    }
  });

  async function open(url) {
    await htmx.ajax("GET", url, { target: "#panel-slot", swap: "innerHTML" });
    if (slot().querySelector("dialog[open]")) history.pushState({ panel: true }, "", url);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.closest("dialog.panel") || form.method !== "post" || form.hasAttribute("hx-post")) return;
    event.preventDefault();
    const values = event.submitter?.name ? { [event.submitter.name]: event.submitter.value } : {};
    htmx.ajax("POST", form.action, { source: form, target: "#panel-slot", swap: "innerHTML", values });
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== slot()) return;
    const before = slot().querySelector("dialog");
    if (before) before.dataset.replaced = "true";
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== slot()) return;
    const dialog = slot().querySelector("dialog");
    if (!dialog) return;
    if (history.state?.panel) dialog.classList.add("panel-steady");
    dialog.addEventListener("close", closed);
    dialog.showModal();
    dialog.querySelector("[aria-invalid=true]")?.focus();
  });

  function closed(event) {
    if (event.target.dataset.replaced) return;
    slot().replaceChildren();
    if (history.state?.panel) history.back();
    opener?.focus();
    opener = null;
  }

  window.addEventListener("popstate", (event) => {
    if (event.state?.panel) {
      location.reload();
      return;
    }
    const dialog = slot().querySelector("dialog");
    if (dialog) dialog.close();
  });
})();
