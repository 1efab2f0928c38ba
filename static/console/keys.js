// Single keys: what carries one as its aria-keyshortcuts is focused or pressed by it, outside of fields and dialogs.
// The cookie flowlog_keys=off switches them off for those who speak to their computer.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
  if (document.querySelector("dialog[open]") || document.cookie.includes("flowlog_keys=off")) return;
  const target = document.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.matches("input")) target.select();
  else target.click();
});
