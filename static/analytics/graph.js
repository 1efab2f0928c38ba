// The Graph tab: draws the answer that came with the page, and again whenever htmx brings a new one.
"use strict";

(() => {
  function drawAll(root) {
    for (const figure of root.querySelectorAll("[data-figure][data-answer]")) {
      const answer = JSON.parse(document.getElementById(figure.dataset.answer).textContent);
      window.flowlogCharts.draw(figure, answer);
    }
  }

  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
})();
