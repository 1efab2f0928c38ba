// Toasts go after five seconds unless someone reads them; what htmx could not fetch is said in a banner that stays.
"use strict";

(() => {
  const stay = 5000;

  function arm(toast) {
    if (toast.dataset.armed) return;
    toast.dataset.armed = "true";
    let timer = setTimeout(() => toast.remove(), stay);
    const hold = () => clearTimeout(timer);
    const go = () => {
      clearTimeout(timer);
      timer = setTimeout(() => toast.remove(), stay);
    };
    toast.addEventListener("pointerenter", hold);
    toast.addEventListener("focusin", hold);
    toast.addEventListener("pointerleave", go);
    toast.addEventListener("focusout", go);
  }

  const toasts = document.getElementById("toasts");
  toasts.querySelectorAll("[data-toast]").forEach(arm);
  new MutationObserver(() => toasts.querySelectorAll("[data-toast]").forEach(arm)).observe(toasts, { childList: true });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast], .banner").remove();
  });

  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    const answer = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const said = answer.querySelector("[data-error]")?.textContent.trim();
    say(said || says("answered", xhr.status), xhr.getResponseHeader("X-Request-Id"));
  });

  document.addEventListener("htmx:sendError", () => say(says("unreachable")));
  document.addEventListener("htmx:timeout", () => say(says("slow")));

  function say(text, request) {
    const open = document.querySelector("dialog[open] .panel-body, dialog[open] .dialog-body");
    const place = open || document.getElementById("alerts");
    place.querySelector("[data-fetch-error]")?.remove();
    const banner = document.createElement("div");
    banner.className = "banner banner-error";
    banner.dataset.fetchError = "true";
    banner.setAttribute("role", "alert");
    const body = document.createElement("div");
    body.className = "banner-body";
    const title = document.createElement("p");
    title.className = "banner-title";
    title.textContent = text;
    body.append(title);
    if (request) {
      const id = document.createElement("p");
      id.textContent = says("request", request);
      body.append(id);
    }
    banner.append(body);
    place.prepend(banner);
  }
})();
