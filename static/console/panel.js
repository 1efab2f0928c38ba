// Links with data-panel open their page as a panel from the right; buttons with data-dialog open a dialog of this page.
// The panel's address is in the address bar, so reload and a shared link show the same thing as a page.
// A panel in which something was entered asks before Esc, its close button, a click beside it or Back drop that.
"use strict";

(() => {
  const slot = () => document.getElementById("panel-slot");
  const panel = () => slot().querySelector("dialog.panel");
  const notEntered = "[type=hidden], [type=search], [name=confirmation]";
  let opener = null;
  let entered = "";
  let pressed = null;
  let address = "";

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
    if (event.target.closest("[data-discard]")) panel().close();
    const close = event.target.closest("[data-close]");
    const dialog = close?.closest("dialog");
    if (dialog) {
      event.preventDefault();
      if (close.closest(".panel-head")) leave(dialog);
      else dialog.close();
    } else if (event.target.matches("dialog.dialog")) {
      event.target.close();
    } else if (event.target.matches("dialog.panel") && event.target === pressed) {
      leave(event.target);
    }
  });

  // a text that is selected with the mouse up to beside the panel is no click there
  document.addEventListener("pointerdown", (event) => {
    pressed = event.target;
  });

  document.addEventListener("keydown", (event) => {
    const inside = event.target.closest("dialog");
    if (event.key !== "Escape" || event.defaultPrevented || !inside?.matches(".panel")) return;
    if (event.target.matches("[type=search]") && event.target.value) return;
    event.preventDefault();
    leave(inside);
  });

  function leave(dialog) {
    if (isChanged(dialog)) dialog.querySelector("dialog").showModal();
    else dialog.close();
  }

  function isChanged(dialog) {
    return Boolean(dialog.querySelector(".panel-form")) && whatIsIn(dialog) !== entered;
  }

  function whatIsIn(dialog) {
    return valuesOf([...dialog.querySelectorAll("input, select, textarea")].filter((field) => !field.matches(notEntered)));
  }

  function valuesOf(fields) {
    const chosen = fields.filter((field) => (field.matches("[type=checkbox], [type=radio]") ? field.checked : field.value));
    return JSON.stringify(chosen.map((field) => [field.name, field.value]));
  }

  // What is chosen by quick clicks outruns the answers: one to an earlier choice must not undo the later one, whose
  // own answer follows.
  const asked = new WeakMap();
  const choicesIn = (place) => valuesOf([...place.querySelectorAll(".panel-form [data-refresh]")]);

  document.addEventListener("htmx:beforeRequest", (event) => {
    asked.set(event.detail.xhr, choicesIn(event.detail.target));
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (target.closest(".panel-form") && asked.get(xhr) !== choicesIn(target)) event.detail.shouldSwap = false;
  });

  async function open(url) {
    await htmx.ajax("GET", url, { target: "#panel-slot", swap: "innerHTML" });
    if (!slot().querySelector("dialog[open]")) return;
    address = url;
    history.pushState({ panel: true }, "", url);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.closest("dialog.panel") || form.method !== "post" || form.hasAttribute("hx-post")) return;
    event.preventDefault();
    // a second click while the first is on its way would do all of it twice
    if (form.dataset.sent) return;
    const values = event.submitter?.name ? { [event.submitter.name]: event.submitter.value } : {};
    htmx.ajax("POST", form.action, { source: form, target: "#panel-slot", swap: "innerHTML", values });
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt } = event.detail;
    if (elt.matches?.("dialog.panel form:not([hx-post])")) elt.dataset.sent = "true";
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    // what came through leads elsewhere, until then nothing can be sent again; what failed can
    if (!event.detail.successful) delete event.detail.elt.dataset?.sent;
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== slot()) return;
    const before = panel();
    if (before) before.dataset.replaced = "true";
    // what was sent and is refused is still only entered
    if (!before || event.detail.requestConfig.verb === "get") entered = null;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== slot()) return;
    const dialog = panel();
    if (!dialog) return;
    entered ??= whatIsIn(dialog);
    if (history.state?.panel) dialog.classList.add("panel-steady");
    dialog.addEventListener("close", closed);
    dialog.addEventListener("cancel", (cancel) => {
      if (cancel.target !== dialog || !isChanged(dialog)) return;
      cancel.preventDefault();
      leave(dialog);
    });
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
    const dialog = panel();
    if (dialog && isChanged(dialog)) {
      // Back has left already: come back, and ask
      event.stopImmediatePropagation();
      history.pushState({ panel: true }, "", address);
      leave(dialog);
    } else if (dialog) {
      dialog.close();
    }
  });
})();
