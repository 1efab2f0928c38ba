// Keeps addresses short: what a form leaves empty, and the ends of a range that is not custom, are not sent.
"use strict";

(() => {
  function tidy(sent) {
    const range = sent.getAll("range").pop();
    sent.delete("range");
    if (range !== "custom") {
      sent.delete("from");
      sent.delete("to");
      if (range) sent.append("range", range);
    }
    for (const [name, value] of [...sent.entries()]) {
      if (value === "") sent.delete(name);
    }
  }

  // The search is sent by htmx, which adds the button that was pressed only after it has read the form.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target.id === "search") tidy(event.detail.parameters);
  });

  document.addEventListener("formdata", (event) => {
    if (event.target.id !== "search") tidy(event.formData);
  });

  // Who types an end of the range means the custom range, also when Enter sends the form.
  document.addEventListener("change", (event) => {
    const custom = event.target.closest?.(".time-custom");
    if (custom) custom.closest(".time-panel").querySelector("input[name=range]").value = "custom";
  });
})();
