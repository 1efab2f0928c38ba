// The shell: menus close when left, the navigation folds and slides, a line shows that something is being fetched.
"use strict";

(() => {
  const root = document.documentElement;
  const year = 31536000;
  const narrow = window.matchMedia("(max-width: 1023px)");

  function keep(name, value) {
    document.cookie = `${name}=${value}; path=/; max-age=${year}; samesite=lax`;
  }

  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (menu !== except) menu.open = false;
    }
  }

  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details[data-menu]"));
    if (event.target.closest("[data-nav-toggle]")) {
      event.preventDefault();
      toggleNavigation();
    } else if (event.target.closest("[data-nav-close]")) {
      event.preventDefault();
      closeDrawer();
    } else if (root.dataset.nav === "open" && !event.target.closest("#side")) {
      closeDrawer();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches("a[role=button]")) {
      event.preventDefault();
      event.target.click();
    }
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-menu][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (root.dataset.nav === "open") {
      closeDrawer();
    }
  });

  document.addEventListener("focusout", (event) => {
    const menu = event.target.closest("details[data-menu]");
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });

  function toggleNavigation() {
    if (!narrow.matches) {
      const collapsed = root.dataset.nav !== "collapsed";
      if (collapsed) root.dataset.nav = "collapsed";
      else delete root.dataset.nav;
      keep("flowlog_nav", collapsed ? "collapsed" : "open");
    } else if (root.dataset.nav === "open") {
      closeDrawer();
    } else {
      root.dataset.nav = "open";
      document.querySelector("#side a.side-link")?.focus();
    }
    tellExpanded();
  }

  function closeDrawer() {
    if (location.hash === "#side") history.replaceState(history.state, "", location.pathname + location.search);
    delete root.dataset.nav;
    tellExpanded();
    document.querySelector("[data-nav-toggle]")?.focus();
  }

  function tellExpanded() {
    const shown = narrow.matches ? root.dataset.nav === "open" : root.dataset.nav !== "collapsed";
    document.querySelector("[data-nav-toggle]")?.setAttribute("aria-expanded", String(shown));
  }

  narrow.addEventListener("change", tellExpanded);
  tellExpanded();

  let fetching = 0;
  let timer = 0;

  document.addEventListener("htmx:beforeRequest", (event) => {
    fetching += 1;
    if (fetching === 1) timer = setTimeout(() => root.classList.add("is-loading"), 300);
    // htmx itself says nothing of an answer to what has left the page meanwhile
    event.detail.xhr.addEventListener("loadend", fetched);
  });

  function fetched() {
    fetching -= 1;
    if (fetching > 0) return;
    clearTimeout(timer);
    root.classList.remove("is-loading");
  }
})();
