// The editor of policies: a word that is pressed beside the document is inserted into a statement of it.
"use strict";

(() => {
  const tokens = /"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^[\]{}:,"\s]+/g;

  // Each statement: where it begins and ends, and where the value of each of its elements does.
  function statementsOf(text) {
    const found = [];
    let depth = 0;
    let member = "";
    let inList = false;
    let statement = null;
    let key = "";
    for (const { 0: mark, index } of text.matchAll(tokens)) {
      const end = index + mark.length;
      if (mark === "{" || mark === "[") {
        if (inList && depth === 2 && mark === "{") {
          statement = { begin: index, end: text.length, values: {} };
          found.push(statement);
          key = "";
        } else if (statement && depth === 3 && key) {
          statement.values[key] = { begin: index, end: text.length };
        }
        inList = inList || (depth === 1 && mark === "[" && member === "Statement");
        depth += 1;
      } else if (mark === "}" || mark === "]") {
        depth -= 1;
        if (statement && depth === 3 && key) statement.values[key].end = end;
        if (statement && depth === 2) {
          statement.end = end;
          statement = null;
        }
        inList = inList && depth >= 2;
      } else if (depth === 1 && mark[0] === '"') {
        member = wordOf(mark);
      } else if (statement && depth === 3) {
        if (mark === ",") key = "";
        else if (mark !== ":" && !key) key = wordOf(mark);
        else if (mark !== ":") statement.values[key] = { begin: index, end };
      }
    }
    return found;
  }

  function wordOf(mark) {
    try {
      return JSON.parse(mark);
    } catch {
      return mark;
    }
  }

  // What is to be written where, so that the element of the statement at the cursor has the word; null if it has it.
  function edit(text, cursor, element, word) {
    const quoted = JSON.stringify(word);
    const statements = statementsOf(text);
    const statement = statements.find((each) => each.begin <= cursor && cursor <= each.end) ?? statements.at(-1);
    if (!statement) return { begin: cursor, end: cursor, text: quoted };
    const value = statement.values[element];
    if (!value) return { begin: statement.begin + 1, end: statement.begin + 1, text: `"${element}": [${quoted}], ` };
    const written = text.slice(value.begin, value.end);
    if (!written.startsWith("[")) {
      const had = wordOf(written);
      if (had === word) return null;
      return { ...value, text: had ? `[${written}, ${quoted}]` : `[${quoted}]` };
    }
    const members = wordOf(written);
    if (Array.isArray(members) && members.includes(word)) return null;
    const last = value.begin + written.replace(/\s*\]?$/, "").length;
    if (last === value.begin + 1) return { ...value, text: `[${quoted}]` };
    const indent = text.slice(0, last).match(/\n([ \t]*)[^\n]*$/)?.[1] ?? "";
    const apart = /\n/.test(written) ? `,\n${indent}` : ", ";
    return { begin: last, end: last, text: apart + quoted };
  }

  function insert(button) {
    const aside = button.closest("[data-words]");
    const field = aside.closest("form").querySelector("textarea[name=document]");
    const element = button.closest("[data-element]").dataset.element;
    const made = edit(field.value, field.selectionStart, element, button.textContent);
    const said = aside.querySelector("[data-said]");
    said.textContent = (made ? said.dataset.inserted : said.dataset.there).replace("%s", button.textContent);
    if (!made) return;
    field.focus();
    field.setSelectionRange(made.begin, made.end);
    // unlike setRangeText this can be undone with Ctrl+Z
    if (!document.execCommand("insertText", false, made.text)) {
      field.setRangeText(made.text, made.begin, made.end, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    button.focus();
  }

  function narrow(search) {
    const wanted = search.value.trim().toLowerCase();
    for (const section of search.closest("[data-words]").querySelectorAll("[data-element]")) {
      const items = [...section.querySelectorAll("li")];
      for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
      section.hidden = items.every((item) => item.hidden);
    }
  }

  function offer() {
    for (const code of document.querySelectorAll("[data-words] li > code")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "link-button";
      button.dataset.word = "";
      button.textContent = code.textContent;
      code.replaceWith(button);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-words] button[data-word]");
    if (button) insert(button);
  });

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-words] input[type=search]")) narrow(event.target);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-words] input[type=search]")) return;
    event.preventDefault();
    event.target.closest("[data-words]").querySelector("li:not([hidden]) > button")?.focus();
  });

  document.addEventListener("htmx:afterSettle", offer);
  offer();
})();
