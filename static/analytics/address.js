// Keeps the address of a search short: what the form leaves empty, or a range that is not custom, is not sent.
"use strict";

document.addEventListener("htmx:configRequest", (event) => {
  const sent = event.detail.parameters;
  if (!event.target.closest("#search") || event.detail.verb !== "get" || !sent.has?.("range")) return;
  const range = sent.getAll("range").pop();
  sent.delete("range");
  if (range === "custom") {
    sent.delete("at");
  } else {
    if (range) sent.append("range", range);
    sent.delete("from");
    sent.delete("to");
  }
  for (const [name, value] of [...sent.entries()]) {
    if (value === "") sent.delete(name);
  }
});
