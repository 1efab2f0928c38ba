// A dashboard: fetches each chart when it comes into view, two at a time, and again when asked, every minute, or soon
// where the engine was busy.
"use strict";

(() => {
  const page = document.querySelector("[data-dashboard]");
  const figures = [...page.querySelectorAll("[data-figure]")];
  const most = 2;
  const waiting = [];
  const seen = new Set();
  // Seconds before a chart asks again that found all engine workers busy, longer each time; then it says that it failed.
  const pauses = [1, 2, 4, 8, 16, 30];
  const retries = new Map();
  let running = 0;
  let timer = 0;

  function want(figure) {
    if (waiting.includes(figure)) return;
    waiting.push(figure);
    next();
  }

  async function next() {
    if (running >= most || waiting.length === 0) return;
    running += 1;
    const figure = waiting.shift();
    try {
      await load(figure);
    } finally {
      running -= 1;
      next();
    }
  }

  async function load(figure) {
    figure.setAttribute("aria-busy", "true");
    const answer = await ask(figure.dataset.figure);
    if (answer.waiting && askLater(figure, answer.waiting)) return;
    forget(figure);
    if (answer.query_url) figure.querySelector("[data-open-query]").href = answer.query_url;
    window.flowlogCharts.draw(figure, answer);
  }

  // Somewhere in the later half of the pause, so that charts that were refused together do not come together again.
  function askLater(figure, text) {
    const tried = retries.get(figure)?.tried ?? 0;
    if (tried === pauses.length) return false;
    const pause = pauses[tried] * (500 + 500 * Math.random());
    forget(figure);
    retries.set(figure, { tried: tried + 1, timer: setTimeout(() => want(figure), pause) });
    figure.querySelector("[data-note]").textContent = text;
    return true;
  }

  function forget(figure) {
    clearTimeout(retries.get(figure)?.timer);
    retries.delete(figure);
  }

  async function ask(url) {
    try {
      const response = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (response.redirected || response.status === 401) {
        location.reload();
        return { state: "failed", message: texts.login };
      }
      if (response.headers.get("Content-Type")?.startsWith("application/json")) return await response.json();
      return { state: "failed", message: says("answered", response.status) };
    } catch {
      return { state: "failed", message: texts.unreachable };
    }
  }

  // A relative range moves on when it is asked for again; the first answers all end at the same instant.
  function refresh() {
    for (const figure of figures) {
      const url = new URL(figure.dataset.figure, location.href);
      url.searchParams.delete("at");
      figure.dataset.figure = url.pathname + url.search;
      forget(figure);
      if (seen.has(figure)) want(figure);
    }
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        seen.add(target);
        want(target);
      }
    },
    { rootMargin: "200px" },
  );
  figures.forEach((figure) => watcher.observe(figure));

  page.querySelector("[data-refresh]").addEventListener("click", (event) => {
    event.preventDefault();
    refresh();
  });

  const automatic = page.querySelector("[data-auto-refresh]");

  function schedule() {
    clearInterval(timer);
    if (automatic.checked) timer = setInterval(() => document.hidden || refresh(), 60000);
    const url = new URL(location.href);
    if (automatic.checked) url.searchParams.set("refresh", "1m");
    else url.searchParams.delete("refresh");
    history.replaceState(history.state, "", url);
  }

  automatic.addEventListener("change", schedule);
  if (automatic.checked) schedule();
})();
