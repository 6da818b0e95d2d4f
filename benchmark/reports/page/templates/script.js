"use strict";
// Sorting and filtering of tables. Without it the page shows the same numbers.
(() => {
  const make = (tag, fields = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), fields);
    node.append(...children);
    return node;
  };

  // Rows sort within their block; what has no value goes last, whichever way.
  const sortRows = (table, column, up) => {
    const key = (row) => {
      const text = row.cells[column].dataset.sort;
      if (text === undefined) return null;
      return text.trim() !== "" && isFinite(text) ? Number(text) : text.toLowerCase();
    };
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("block"));
      const keys = new Map(rows.map((row) => [row, key(row)]));
      rows.sort((a, b) => {
        const x = keys.get(a), y = keys.get(b);
        if (x === null || y === null) return (x === null) - (y === null);
        const order = typeof x === typeof y ? (x > y) - (x < y) : typeof x === "number" ? -1 : 1;
        return up ? order : -order;
      });
      body.append(...rows);
    }
  };

  // A click on a heading sorts; `told` hears of it. Gives what sets an order, and what tells it.
  const makeSortable = (table, told) => {
    const heads = [...table.querySelectorAll(".heads th")];
    const sort = (column, order) => {
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      heads[column].setAttribute("aria-sort", order);
      sortRows(table, column, order === "ascending");
    };
    heads.forEach((head, column) => {
      const label = head.querySelector("span") ?? head.firstChild;
      const button = make("button", { type: "button" });
      label.replaceWith(button);
      button.append(label);
      button.addEventListener("click", () => {
        const first = head.textContent.includes("↑") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        sort(column, head.getAttribute("aria-sort") === first ? other : first);
        told();
      });
    });
    return {
      get: () => {
        const column = heads.findIndex((head) => head.hasAttribute("aria-sort"));
        return column < 0 ? "" : `${column}-${heads[column].getAttribute("aria-sort")}`;
      },
      set: (text) => {
        const [column, order] = text.split("-");
        if (column in heads && ["ascending", "descending"].includes(order)) sort(Number(column), order);
      },
    };
  };

  const chooser = (title, values) => {
    const select = make("select");
    select.append(make("option", { value: "", textContent: "All" }));
    values.forEach((value) => select.append(make("option", { value, textContent: value })));
    return [select, make("label", {}, title, select)];
  };

  // The controls above a table, by the name that they have in the address.
  const addTools = (table, scroll, told) => {
    const heads = [...table.querySelectorAll(".heads th")].slice(1);
    const rows = [...table.querySelectorAll("tbody tr:not(.block)")];
    const distinct = (key) => [...new Set(heads.map((head) => head.dataset[key]))].filter(Boolean);
    const groups = distinct("group"), labels = distinct("label");
    const search = make("input", { type: "search", autocomplete: "off" });
    const [group, groupLabel] = chooser(table.dataset.outer, groups);
    const [label, labelLabel] = chooser(table.dataset.inner, labels);
    const intervals = make("input", { type: "checkbox" });
    const tools = make("div", { className: "tools" }), count = make("output");
    const spread = table.querySelector("td.n small, td .sd") !== null;
    const many = rows.length > 5 || groups.length > 1;
    if (many) tools.append(make("label", {}, "Rows that contain", search));
    if (groups.length > 1) tools.append(groupLabel, labelLabel);
    if (spread) tools.append(make("label", { className: "switch" }, intervals, "Show intervals and spread"));
    if (many) tools.append(make("span", { textContent: "A click on a heading sorts." }), count);
    if (many || spread) scroll.before(tools);

    const apply = () => {
      const words = search.value.toLowerCase();
      let shown = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(words);
        shown += !row.hidden;
      }
      for (const body of table.tBodies) {
        const left = [...body.rows].some((row) => !row.classList.contains("block") && !row.hidden);
        body.hidden = !left;
      }
      const hide = heads.map((head) =>
        (group.value !== "" && head.dataset.group !== group.value) ||
        (label.value !== "" && head.dataset.label !== label.value));
      heads.forEach((head, k) => {
        head.hidden = hide[k];
        rows.forEach((row) => { row.cells[k + 1].hidden = hide[k]; });
      });
      for (const span of table.querySelectorAll(".spans > :not(:first-child)")) {
        const width = heads.filter((head) => head.dataset.group === span.textContent && !head.hidden).length;
        span.hidden = width === 0;
        if (width) span.colSpan = width;
      }
      table.classList.toggle("plain", !intervals.checked);
      count.textContent = words ? `${shown} of ${rows.length} rows` : "";
    };
    [search, group, label, intervals].forEach((control) =>
      control.addEventListener("input", () => { apply(); told(); }));
    apply();
    const chosen = (select) => (text) => {
      select.value = [...select.options].some((option) => option.value === text) ? text : "";
    };
    return {
      apply,
      rows: { get: () => search.value, set: (text) => { search.value = text; } },
      group: { get: () => group.value, set: chosen(group) },
      label: { get: () => label.value, set: chosen(label) },
      intervals: {
        get: () => (intervals.checked ? "shown" : ""),
        set: (text) => { intervals.checked = text === "shown"; },
      },
    };
  };

  // How a table is sorted and filtered stands in the address, as in #table-main?rows=u-net, so that
  // a link leads to the same view. It holds the table that was touched last.
  const views = new Map();
  for (const scroll of document.querySelectorAll(".table .scroll")) {
    const table = scroll.querySelector("table"), anchor = scroll.closest(".table").id;
    const told = () => {
      const pairs = Object.entries(views.get(anchor).parts).map(([name, part]) => [name, part.get()]);
      const text = new URLSearchParams(pairs.filter(([, value]) => value !== "")).toString();
      history.replaceState(null, "", `#${anchor}${text && `?${text}`}`);
    };
    const sort = makeSortable(table, told);
    const { apply, ...tools } = addTools(table, scroll, told);
    views.set(anchor, { apply, parts: { ...tools, sort } });
  }

  const recall = () => {
    const [anchor, text] = location.hash.slice(1).split("?");
    const place = document.getElementById(anchor), view = views.get(anchor);
    const folded = place?.closest("details");
    if (folded) folded.open = true;
    if (text === undefined || !view) return;
    const wanted = new URLSearchParams(text);
    for (const [name, part] of Object.entries(view.parts)) part.set(wanted.get(name) ?? "");
    view.apply();
    place.scrollIntoView();
  };
  window.addEventListener("hashchange", recall);
  recall();

  // Paper unfolds nothing by itself; afterwards the page is as it was.
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details.folded:not([open])")];
    unfolded.forEach((each) => { each.open = true; });
  });
  window.addEventListener("afterprint", () => unfolded.forEach((each) => { each.open = false; }));

  // The place in the contents; only a list that scrolls by itself is scrolled.
  const bar = document.querySelector(".contents .beside");
  const links = new Map([...bar.querySelectorAll('a[href^="#"]')].map((a) => [a.hash.slice(1), a]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      const link = links.get(entry.target.querySelector("h2").id);
      link?.setAttribute("aria-current", "true");
      if (link) bar.scrollTop = link.offsetTop - bar.clientHeight / 2;
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("main > section").forEach((section) => watcher.observe(section));

  // A chosen entry closes the list of a narrow screen.
  const narrow = document.querySelector(".contents details");
  narrow.addEventListener("click", (event) => { if (event.target.closest("a")) narrow.open = false; });
})();
