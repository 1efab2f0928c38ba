// Draws one answer of the server into a figure: chart, single values or table, in the theme of the page.
// Used by dashboard.js and graph.js as window.flowlogCharts.draw(figure, answer).
"use strict";

(() => {
  const answers = new WeakMap();
  const config = {
    displaylogo: false,
    locale: "console",
    modeBarButtons: [["toImage", "resetScale2d"]],
    responsive: false,
    showTips: false,
    toImageButtonOptions: { filename: "flow-log-chart", scale: 2 },
  };

  function themeName() {
    const chosen = document.documentElement.dataset.theme;
    if (chosen === "light" || chosen === "dark") return chosen;
    return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }

  function merged(base, patch) {
    const both = { ...base };
    for (const [key, value] of Object.entries(patch)) {
      const isBranch = value && typeof value === "object" && !Array.isArray(value);
      both[key] = isBranch && base[key] ? merged(base[key], value) : value;
    }
    return both;
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // Plotly is large: answers are fetched while it loads, and a page that may need it loads it at the first chart.
  function plotly() {
    if (window.Plotly) return Promise.resolve();
    let script = document.querySelector("script[data-plotly]");
    if (!script) {
      script = document.createElement("script");
      script.dataset.plotly = "";
      script.src = document.querySelector("template[data-plotly-src]").dataset.plotlySrc;
      document.head.append(script);
    }
    return new Promise((loaded) => script.addEventListener("load", loaded, { once: true }));
  }

  // The script of Plotly knows English only: the page brings its own words, registered once.
  let speaks = false;

  function speak() {
    if (speaks) return;
    const words = JSON.parse(document.getElementById("chart-words").textContent);
    window.Plotly.register({ moduleType: "locale", name: "console", ...words });
    speaks = true;
  }

  async function drawPlot(place, answer) {
    await plotly();
    speak();
    if (answers.get(place.closest("[data-figure]")) !== answer) return;
    if (!place.matches(".js-plotly-plot")) place.replaceChildren();
    delete place.dataset.ticks;
    const style = answer.styles[themeName()];
    const traces = answer.figure.data.map((trace, index) => merged(trace, style.traces[index]));
    const layout = merged({ ...answer.figure.layout, height: place.clientHeight }, style.layout);
    const isNew = !place.matches(".js-plotly-plot");
    await window.Plotly.react(place, traces, layout, config);
    if (isNew) place.on("plotly_afterplot", () => tickBytes(place));
    tickBytes(place);
  }

  const byteUnits = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];

  function bytes(value) {
    const power = value > 0 ? Math.min(Math.floor(Math.log2(value) / 10), byteUnits.length - 1) : 0;
    return `${+(value / 1024 ** power).toPrecision(4)} ${byteUnits[power]}`;
  }

  // The ticks of an axis of bytes stand at powers of two: three to six of them, whatever part of it is shown.
  function tickBytes(place) {
    const axis = place.layout.meta?.bytes;
    if (!axis) return;
    const [from, to] = place.layout[`${axis}axis`].range;
    const step = Math.max(1, 2 ** Math.ceil(Math.log2((to - from) / 6)));
    const values = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) values.push(at);
    if (String(values) === place.dataset.ticks) return;
    place.dataset.ticks = String(values);
    const key = `${axis}axis`;
    window.Plotly.relayout(place, {
      [`${key}.tickmode`]: "array", [`${key}.tickvals`]: values, [`${key}.ticktext`]: values.map(bytes),
      [`${key}.ticksuffix`]: "",
    });
  }

  function drawTiles(place, tiles) {
    const list = element("dl", undefined, "tiles");
    for (const tile of tiles) {
      const box = element("div", undefined, "tile");
      const value = element("dd", tile.text);
      value.title = tile.exact;
      box.append(element("dt", tile.label), value);
      list.append(box);
    }
    place.replaceChildren(list);
  }

  function drawTable(place, table) {
    const grid = element("table", undefined, "table");
    const head = element("tr");
    for (const each of table.heads) head.append(element("th", each.label, each.numeric ? "number" : ""));
    for (const cell of head.children) cell.scope = "col";
    const body = element("tbody");
    for (const row of table.rows) {
      const line = element("tr");
      row.forEach((text, index) => line.append(element("td", text, table.heads[index].numeric ? "number" : "")));
      body.append(line);
    }
    const top = element("thead");
    top.append(head);
    grid.append(top, body);
    place.replaceChildren(grid);
    if (table.more_text) place.append(element("p", table.more_text, "muted"));
  }

  function isPlot(answer) {
    return answer.state === "drawn" && answer.figure;
  }

  function draw(figure, answer) {
    answers.set(figure, answer);
    const place = figure.querySelector("[data-plot]");
    const table = figure.querySelector("[data-table]");
    const button = figure.querySelector("[data-as-table]");
    const note = figure.querySelector("[data-note]");
    figure.removeAttribute("aria-busy");
    if (note) note.textContent = answer.status || "";
    if (button) button.hidden = !(answer.state === "drawn" && answer.kind !== "table");
    if (!isPlot(answer) && place.matches(".js-plotly-plot")) window.Plotly.purge(place);
    place.classList.toggle("chart-plain", !isPlot(answer));
    if (answer.state !== "drawn") {
      const box = element("div", undefined, `chart-state chart-${answer.state}`);
      box.append(element("p", answer.message));
      if (answer.hint) box.append(element("p", answer.hint, "muted"));
      place.replaceChildren(box);
    } else if (answer.tiles) {
      drawTiles(place, answer.tiles);
    } else if (answer.figure) {
      drawPlot(place, answer);
    } else {
      place.replaceChildren();
    }
    if (table) drawTable(table, answer.state === "drawn" ? answer.table : { heads: [], rows: [] });
    show(figure);
  }

  // A figure shows its chart or its table; a table chart has nothing else to show.
  function show(figure) {
    const answer = answers.get(figure);
    const button = figure.querySelector("[data-as-table]");
    const onlyTable = answer.state === "drawn" && answer.kind === "table";
    const asTable = onlyTable || (answer.state === "drawn" && button?.getAttribute("aria-pressed") === "true");
    const table = figure.querySelector("[data-table]");
    if (!table) return;
    figure.querySelector("[data-plot]").hidden = asTable;
    table.hidden = !asTable;
    const plot = figure.querySelector("[data-plot].js-plotly-plot");
    if (!asTable && plot) window.Plotly.Plots.resize(plot);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-as-table]");
    if (!button) return;
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    show(button.closest("[data-figure]"));
  });

  function eachPlot(act) {
    for (const place of document.querySelectorAll("[data-plot].js-plotly-plot")) {
      if (place.clientWidth > 0) act(place, answers.get(place.closest("[data-figure]")));
    }
  }

  document.addEventListener("themechange", () => eachPlot(drawPlot));

  let waiting = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => eachPlot((place) => window.Plotly.Plots.resize(place)));
  });

  window.flowlogCharts = { draw };
})();
