// The theme menu without a reload. Charts listen for "themechange" on the document.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]") || !event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  document.cookie = `flowlog_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  document.documentElement.dataset.theme = theme;
  for (const button of form.querySelectorAll("button[name=theme]")) {
    button.setAttribute("aria-pressed", String(button === event.submitter));
  }
  const menu = form.closest("details");
  const shown = menu.querySelector("summary .icon");
  shown.replaceWith(event.submitter.querySelector(".icon").cloneNode(true));
  menu.open = false;
  menu.querySelector("summary").focus();
  document.dispatchEvent(new CustomEvent("themechange", { detail: { theme } }));
});

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  const theme = document.documentElement.dataset.theme;
  if (theme === "system") document.dispatchEvent(new CustomEvent("themechange", { detail: { theme } }));
});
