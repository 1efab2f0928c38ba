// The query editor: Ctrl+Enter runs, Enter runs a query of one line, and the names of fields complete as one types.
"use strict";

(() => {
  const most = 8;
  let shown = [];
  let chosen = -1;

  const editorOf = (target) => (target instanceof Element && target.matches("[data-query-editor]") ? target : null);
  const listOf = (editor) => document.getElementById(editor.getAttribute("aria-controls"));

  // Where the page lists the fields, they and what they mean are read from there.
  function fields() {
    const listed = [...document.querySelectorAll(".search-field > summary")];
    if (listed.length) return listed.map((each) => ({ name: each.firstElementChild.textContent, doc: each.title }));
    const docs = JSON.parse(document.getElementById("query-fields").textContent);
    return Object.entries(docs).map(([name, doc]) => ({ name, doc }));
  }

  // The word that ends at the caret, and whether it stands in the SQL part.
  function wordBefore(editor) {
    const before = editor.value.slice(0, editor.selectionStart);
    const unquoted = before.replace(/"[^"]*"|'[^']*'/g, (text) => " ".repeat(text.length));
    const word = /[\w-]*$/.exec(before)[0];
    const opened = before[before.length - word.length - 1] === '"';
    return { word, opened, isSql: unquoted.includes("|") };
  }

  function suggest(editor) {
    const { word } = wordBefore(editor);
    const start = word.toLowerCase();
    const found = start.length > 0 ? fields().filter(({ name }) => name.startsWith(start) && name !== start) : [];
    open(editor, found.slice(0, most));
  }

  function open(editor, found) {
    const list = listOf(editor);
    shown = found;
    chosen = -1;
    list.replaceChildren(
      ...found.map(({ name, doc }, index) => {
        const option = document.createElement("li");
        option.id = `query-option-${index}`;
        option.role = "option";
        option.dataset.option = index;
        const strong = document.createElement("strong");
        strong.textContent = name;
        const text = document.createElement("span");
        text.className = "muted";
        text.textContent = doc;
        option.append(strong, text);
        return option;
      }),
    );
    list.hidden = found.length === 0;
    mark(editor);
  }

  function mark(editor) {
    [...listOf(editor).children].forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
    if (chosen >= 0) editor.setAttribute("aria-activedescendant", `query-option-${chosen}`);
    else editor.removeAttribute("aria-activedescendant");
  }

  function accept(editor, index) {
    const { name } = shown[index];
    const { word, opened, isSql } = wordBefore(editor);
    const caret = editor.selectionStart;
    const sqlName = /^\w+$/.test(name) && name !== "end" ? name : `${opened ? "" : '"'}${name}"`;
    editor.setRangeText(isSql ? sqlName : `${name}:`, caret - word.length, caret, "end");
    open(editor, []);
    editor.focus();
  }

  function run(editor) {
    open(editor, []);
    editor.form.requestSubmit();
  }

  document.addEventListener("input", (event) => {
    const editor = editorOf(event.target);
    if (!editor) return;
    editor.rows = Math.min(12, editor.value.split("\n").length);
    suggest(editor);
  });

  document.addEventListener("keydown", (event) => {
    const editor = editorOf(event.target);
    if (!editor || event.isComposing) return;
    const { key } = event;
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run(editor);
    } else if (shown.length > 0 && (key === "ArrowDown" || key === "ArrowUp")) {
      event.preventDefault();
      const step = key === "ArrowDown" ? 1 : -1;
      chosen = (chosen + step + shown.length + (chosen < 0 && step < 0 ? 1 : 0)) % shown.length;
      mark(editor);
    } else if (shown.length > 0 && (key === "Tab" || key === "Enter") && chosen >= 0) {
      event.preventDefault();
      accept(editor, chosen);
    } else if (shown.length > 0 && key === "Escape") {
      event.preventDefault();
      open(editor, []);
    } else if (key === "Enter" && !event.shiftKey && !editor.value.includes("\n")) {
      event.preventDefault();
      run(editor);
    }
  });

  document.addEventListener("pointerdown", (event) => {
    const option = event.target.closest?.("[data-option]");
    if (!option) return;
    event.preventDefault();
    accept(document.querySelector("[data-query-editor]"), Number(option.dataset.option));
  });

  document.addEventListener("focusout", (event) => {
    const editor = editorOf(event.target);
    if (editor) open(editor, []);
  });
})();
