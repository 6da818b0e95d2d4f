"use strict";
// The tables of cases and of differences. What is chosen stands in the address.
(() => {
  const data = window.mixsegCases;
  const at = (id) => document.getElementById(id);
  const make = (tag, fields = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), fields);
    node.append(...children);
    return node;
  };
  if (!data) {
    at("case-table").append(make("p", { className: "empty",
      textContent: "cases.js is not here; it must lie beside this page." }));
    return;
  }
  const AT_FIRST = 100, RESAMPLES = 1000;
  const known = (x) => x !== null && x !== undefined;
  const fixed = (x, digits = 3) => (known(x) ? x.toFixed(digits) : "–");
  const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(3);

  const state = Object.assign({ ref: `${data.reference}`, set: "", text: "", sort: "2-descending" },
    Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
  const keep = () => history.replaceState(null, "", `#${new URLSearchParams(state)}`);
  const choose = (title, values, name, then) => {
    const select = make("select");
    values.forEach(([value, text]) => select.append(make("option", { value, textContent: text })));
    select.value = values.some(([value]) => value === state[name]) ? state[name] : values[0][0];
    state[name] = select.value;
    select.addEventListener("input", () => { state[name] = select.value; keep(); then(); });
    return make("label", {}, title, select);
  };
  const table = (place, title, heads, rows) => {
    const row = (cells) => {
      const line = make("tr");
      cells.forEach((cell, k) => {
        const node = make(k ? "td" : "th", k ? { className: cell.words ? "t" : "n" } : { scope: "row" });
        node.append(...[cell.words ?? cell].flat());
        line.append(node);
      });
      return line;
    };
    const head = make("tr", { className: "heads" });
    head.append(...heads);
    const scroll = make("div", { className: "scroll", tabIndex: 0 });
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", title);
    scroll.append(make("table", {}, make("caption", { textContent: title }),
      make("thead", {}, head), make("tbody", {}, ...rows.map(row))));
    at(place).replaceChildren(scroll);
  };
  const heading = (text) => make("th", { scope: "col", className: "n", textContent: text });

  // A generator of known numbers: the same page shows the same intervals.
  const random = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
  // How often each group of cases (a patient, a sequence) is drawn, resample by resample.
  const draws = data.sets.map((set, k) => {
    const count = 1 + Math.max(-1, ...set.groups), next = random(k + 1);
    return Array.from({ length: RESAMPLES }, () => {
      const drawn = new Uint16Array(count);
      for (let i = 0; i < count; i += 1) drawn[Math.floor(next() * count)] += 1;
      return drawn;
    });
  });
  // The mean difference on a set and its resamples; null where a number is missing.
  const difference = (set, k, row, reference) => {
    const a = set.dsc[row], b = set.dsc[reference];
    if (!a || !b) return null;
    const count = 1 + Math.max(-1, ...set.groups);
    const sums = new Float64Array(count), sizes = new Float64Array(count);
    for (let i = 0; i < a.length; i += 1) {
      if (!known(a[i]) || !known(b[i])) return null;
      sums[set.groups[i]] += a[i] - b[i];
      sizes[set.groups[i]] += 1;
    }
    const mean = (weight) => {
      let sum = 0, size = 0;
      for (let g = 0; g < count; g += 1) { sum += weight(g) * sums[g]; size += weight(g) * sizes[g]; }
      return sum / size;
    };
    return { value: mean(() => 1), drawn: draws[k].map((drawn) => mean((g) => drawn[g])) };
  };
  const shown = (found) => {
    if (found === null) return "–";
    const order = [...found.drawn].sort((x, y) => x - y);
    const end = (share) => signed(order[Math.round(share * (order.length - 1))]);
    return [signed(found.value), make("small", { textContent: `[${end(0.025)}, ${end(0.975)}]` })];
  };
  const overSets = (parts) => {
    if (parts.some((part) => part === null)) return null;
    const sum = (pick) => parts.reduce((all, part, k) => all + data.sets[k].weight * pick(part), 0);
    return { value: sum((part) => part.value),
      drawn: draws[0].map((_, i) => sum((part) => part.drawn[i])) };
  };
  const showDifferences = () => {
    const reference = Number(state.ref);
    const rows = data.rows.map((row, k) => {
      const parts = data.sets.map((set, s) => difference(set, s, k, reference));
      return { title: row.title, k, cells: [...(parts.length > 1 ? [overSets(parts)] : []), ...parts] };
    }).filter((row) => row.k !== reference);
    rows.sort((x, y) => (y.cells[0]?.value ?? -9) - (x.cells[0]?.value ?? -9));
    const heads = [make("th", { scope: "col", textContent: "Method" }),
      ...(data.sets.length > 1 ? [heading("Mean over modalities")] : []),
      ...data.sets.map((set) => heading(set.title))];
    table("difference-table", `DSC minus that of ${data.rows[reference].title}`, heads,
      rows.map((row) => [row.title, ...row.cells.map(shown)]));
  };

  const every = data.sets.flatMap((set) => set.cases.map((name, i) => ({
    set, name, picture: set.pictures[i],
    keys: [name, set.title, set.spread?.[i], set.sizes?.[i], ...set.dsc.map((dsc) => dsc?.[i])],
  })));
  const titles = ["Case", "Test set", "Spread", "Size", ...data.rows.map((row) => row.title)];
  let all = false;
  const showCases = () => {
    const words = state.text.toLowerCase();
    const found = every.filter((one) => (state.set === "" || one.set.name === state.set)
      && one.name.toLowerCase().includes(words));
    const [text, order] = state.sort.split("-"), column = Number(text) in titles ? Number(text) : 2;
    const sign = order === "ascending" ? 1 : -1;
    found.sort((a, b) => {
      const x = a.keys[column], y = b.keys[column];
      if (!known(x) || !known(y)) return known(y) - known(x);
      return sign * ((x > y) - (x < y));
    });
    const heads = titles.map((title, k) => {
      const button = make("button", { type: "button", textContent: title });
      const head = make("th", { scope: "col", className: k > 1 ? "n tall" : "t" }, button);
      if (k === column) head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      button.addEventListener("click", () => {
        const turned = k === column ? sign < 0 : k < 2;
        state.sort = `${k}-${turned ? "ascending" : "descending"}`;
        keep();
        showCases();
        at("case-table").querySelectorAll("thead button")[k].focus();
      });
      return head;
    });
    const rows = (all ? found : found.slice(0, AT_FIRST)).map((one) => [
      one.picture ? make("a", { href: `gallery.html#${one.picture}`, textContent: one.name }) : one.name,
      { words: one.keys[1] }, fixed(one.keys[2]), known(one.keys[3]) ? `${(100 * one.keys[3]).toFixed(1)} %` : "–",
      ...one.keys.slice(4).map((x) => fixed(x))]);
    table("case-table", "DSC of each test case", heads, rows);
    count.textContent = `${rows.length} of ${found.length} cases`;
    more.hidden = rows.length === found.length;
  };
  const search = make("input", { type: "search", autocomplete: "off", value: state.text });
  search.addEventListener("input", () => { state.text = search.value; keep(); showCases(); });
  const count = make("output"), more = make("button", { type: "button", textContent: "Show all" });
  more.addEventListener("click", () => { all = true; showCases(); });
  at("difference-tools").append(
    choose("Reference", data.rows.map((row, k) => [String(k), row.title]), "ref", showDifferences));
  at("case-tools").append(
    choose("Test set", [["", "All"], ...data.sets.map((set) => [set.name, set.title])], "set", showCases),
    make("label", {}, "Cases that contain", search), count, more);
  if (data.rows.length > 1) showDifferences();
  if (data.rows.length) showCases();
})();
