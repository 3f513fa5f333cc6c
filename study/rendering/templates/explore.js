// The page's controls: the landscape to explore, tables to sort and to filter. It reads the page alone.
"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const distinct = (values) => [...new Set(values)];

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text; // never markup
    if (className) made.className = className;
    return made;
  }

  // Tables

  function valueOf(cell) {
    const text = cell.dataset.value ?? cell.firstChild?.textContent ?? "";
    const number = parseFloat(text.replace(/^[≤~<\s]+/, "").replaceAll(",", ""));
    return Number.isNaN(number) || cell.classList.contains("text") ? text.trim() : number;
  }

  function compare(one, other) { // what is not known is last, whichever way
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one).localeCompare(String(other), undefined, { numeric: true });
  }

  function sortBy(table, column, header) {
    const isUp = header.getAttribute("aria-sort") !== "ascending";
    for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
    const unknown = ([value]) => value === "–" || value === "";
    const known = keyed.filter((pair) => !unknown(pair)).sort(([a], [b]) => compare(a, b) * (isUp ? 1 : -1));
    for (const [, row] of [...known, ...keyed.filter(unknown)]) body.append(row);
  }

  function makeSortable(table) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = element("button");
      button.type = "button";
      button.append(...header.childNodes);
      button.title = "sort";
      button.addEventListener("click", () => sortBy(table, column, header));
      header.append(button);
    });
  }

  function makeFilterable(box) {
    const form = element("form", undefined, "controls"), words = element("input");
    words.type = "search";
    const label = element("label", "rows with ");
    label.append(words);
    form.append(label);
    let sure = null, choice = null;
    if (box.dataset.choose) {
      const kinds = distinct([...$("tbody", box).rows].map((row) => row.dataset.choice));
      const told = element("label", `${box.dataset.choose} `);
      choice = element("select");
      choice.append(new Option("all", ""), ...kinds.map((kind) => new Option(kind)));
      told.append(choice);
      form.append(told);
    }
    if ($("tr[data-significant]", box)) {
      sure = element("input");
      sure.type = "checkbox";
      const told = element("label");
      told.append(sure, " significant ones alone");
      form.append(told);
    }
    const count = element("span", "", "key");
    count.setAttribute("role", "status");
    form.append(count);
    function filter() {
      const rows = [...$("tbody", box).rows], wanted = words.value.trim().toLowerCase().split(/\s+/);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const isOther = Boolean(choice?.value) && row.dataset.choice !== choice.value;
        const isUnsure = Boolean(sure?.checked) && !("significant" in row.dataset);
        row.hidden = isOther || isUnsure || !wanted.every((word) => text.includes(word));
      }
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
    }
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    box.before(form);
  }

  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".filterable").forEach(makeFilterable);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

  // The landscape

  if (!$("#explored")) return;
  const held = JSON.parse($("#explored").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const PARTS = ["approximation", "objective", "estimation", "optimization"];
  const ROW = 38; // pixels
  const numNetworks = (cells) => distinct(cells.map((cell) => cell.network)).length;
  const controls = {};
  for (const select of document.querySelectorAll("#explore select, #search-chart select")) controls[select.name] = select;
  let chosen = null, views = {}, queue = Promise.resolve();

  function fill(select, options, otherwise = options[0]?.[0]) { // keeps the choice where it still is one
    const kept = select.value;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    select.value = options.some(([value]) => String(value) === kept) ? kept : otherwise;
    select.closest("label").hidden = options.length < 2;
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function theme() {
    const ink = colour("--ink"), line = colour("--line");
    const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400 };
    return {
      background: "transparent", font: "system-ui, DejaVu Sans, sans-serif", view: { stroke: null },
      axis: { ...text, gridColor: line, domainColor: line, tickColor: line },
      legend: { ...text, labelLimit: 150 }, 
    };
  }

  async function embed(id, data, { params = {}, titles = {}, numRows = 0 } = {}) {
    const spec = structuredClone(held.charts[id]);
    spec.datasets = data;
    if (numRows) spec.height = ROW * numRows;
    for (const param of spec.params ?? []) if (param.name in params) param.value = params[param.name];
    for (const [channel, title] of Object.entries(titles)) spec.encoding[channel].title = title;
    const options = {
      actions: false, ast: true, renderer: "svg", config: theme(),
      tooltip: { theme: dark.matches ? "dark" : "light" },
    };
    views[id]?.finalize();
    const { view } = await vegaEmbed(`#${id}`, spec, options);
    views[id] = view;
    return view;
  }

  function ofTask(task, population) {
    return held.cells.filter((cell) => cell.task === task && cell.population === population);
  }

  function slice() {
    const [task, population] = JSON.parse(controls.population.value);
    const mine = ofTask(task, population).filter(
      (cell) => cell.distortion === controls.distortion.value && String(cell.n) === controls.n.value);
    return { task: held.tasks[task], mine };
  }

  function offer() {
    const populations = distinct(held.cells.map((cell) => JSON.stringify([cell.task, cell.population])));
    fill(controls.population, populations.map((key) => [key, held.tasks[JSON.parse(key)[0]].title + JSON.parse(key)[1]]));
    const mine = ofTask(...JSON.parse(controls.population.value));
    fill(controls.distortion, distinct(mine.map((cell) => cell.distortion)).map((name) => [name, name]));
    const here = mine.filter((cell) => cell.distortion === controls.distortion.value);
    const sizes = distinct(here.map((cell) => cell.n)).sort((a, b) => a - b);
    const numCells = (n) => here.filter((cell) => cell.n === n).length;
    const fullest = sizes.reduce((best, n) => (numCells(n) < numCells(best) ? best : n), sizes[0]); // of equals the largest
    fill(controls.n, sizes.map((n) => [n, n]), fullest);
    const known = held.errors.filter((name) => mine.some((cell) => cell.errors[name]));
    fill(controls.error, known.map((name) => [name, name]));
    const severities = distinct(slice().mine.map((cell) => cell.severity));
    fill(controls.severity, severities.map((severity) => [severity, severity]));
    const cells = slice().mine.map((cell) => [held.cells.indexOf(cell), `${cell.network}, severity ${cell.severity}`]);
    fill(controls.cell, cells);
    chosen = Number(controls.cell.value);
  }

  function notes(cell, error) {
    return [
      cell.settled !== null && cell.settled < 1 ? `${Math.round(100 * (1 - cell.settled))}% of the seeds had not settled` : "",
      cell.missing ? `${cell.missing} seeds missing` : "",
      error?.wide ? "wide interval" : "",
      error?.text.startsWith("≤") ? "at most" : "",
      error ? "" : "not known",
    ].filter(Boolean).join("; ") || "none";
  }

  function rowOf(cell, name) {
    const error = cell.errors[name], isOpen = cell.settled !== null && cell.settled < 1;
    const marks = [
      isOpen && !error?.text.startsWith("~") ? " ~" : "", error?.wide ? " ↔" : "", cell.missing ? ` −${cell.missing}` : "",
    ].join("");
    return {
      cell: held.cells.indexOf(cell), network: cell.network, severity: cell.severity, value: error?.value ?? null,
      label: (error?.text ?? "") + marks, told: error?.text ?? "not known", interval: error?.interval || "",
      seeds: cell.seeds, notes: notes(cell, error),
    };
  }

  async function drawMap() {
    const { task, mine } = slice(), name = controls.error.value;
    const where = `${controls.distortion.value}, n = ${controls.n.value}`;
    $("#map-title").textContent = `${name} error, ${task.points} (${where})`;
    const columns = distinct(mine.map((cell) => cell.severity)).length;
    const params = { ink: colour("--ink"), limit: task.limits[name], chosen, roomy: ($("#map").clientWidth - 230) / columns > 88 };
    const view = await embed("map", { cells: mine.map((cell) => rowOf(cell, name)) }, { params, numRows: numNetworks(mine) });
    view.addEventListener("click", (event, item) => {
      if (item?.datum?.cell === undefined) return;
      controls.cell.value = item.datum.cell;
      choose(item.datum.cell);
    });
  }

  function partsOf(cell) {
    const known = PARTS.filter((name) => cell.errors[name]), total = cell.errors.total;
    const row = (error, order, found) => ({
      network: cell.network, error, order, value: found.value, lo: found.lo, hi: found.hi, told: found.text, interval: found.interval });
    const rows = known.map((name) => row(name, PARTS.indexOf(name), cell.errors[name]));
    if (!total) return rows;
    if (known.length < PARTS.length) {
      const left = total.value - known.reduce((sum, name) => sum + cell.errors[name].value, 0);
      rows.push(row("not known", PARTS.length, { value: left, text: left.toPrecision(3), interval: "" }));
    }
    return [...rows, row("total", PARTS.length + 1, total)];
  }

  async function drawParts() {
    const { task, mine } = slice(), severity = controls.severity.value;
    $("#parts-title").textContent = `The four errors at severity ${severity}, ${task.points}`;
    const params = {
      ...Object.fromEntries(PARTS.map((name) => [name, colour(`--${name}`)])),
      ink: colour("--ink"), paper: colour("--paper"), columns: $("#parts").clientWidth < 480 ? 2 : 5,
    };
    const shown = mine.filter((cell) => cell.severity === severity), parts = shown.flatMap(partsOf);
    await embed("parts", { parts }, { params, numRows: numNetworks(shown) });
  }

  async function drawSpeed() {
    const { task, mine } = slice();
    const speed = mine.flatMap((cell) => (held.trials[cell.place] ?? []).filter((trial) => trial.final !== undefined).map((trial) => ({
      family: cell.family, network: cell.network, severity: cell.severity, seed: trial.seed,
      steps: trial.until, risk: trial.final, told: trial.settled,
    })));
    $("#speed-part").hidden = !speed.length;
    if (!speed.length) return;
    $("#speed-title").textContent = `Steps until settled against Rₙ(∞), ${task.sign}: trials of the map`;
    const decades = [...Array(12).keys()].map((power) => 10 ** power); // of its own, Vega labels one number in two decades
    const ticks = decades.flatMap((decade) => [1, 1.25, 1.5, 2, 3, 4, 5, 6, 8].map((place) => place * decade));
    await embed("speed", { speed }, { params: { ticks }, titles: { y: `Rₙ(∞), ${task.sign}` } });
  }

  function fillTrials(trials) {
    const text = (value) => (value === null || value === undefined ? "–" : String(value));
    $("#trials tbody").replaceChildren(...trials.map((trial) => {
      const row = element("tr");
      row.append(
        element("td", trial.role, "text"), element("td", trial.seed), element("td", trial.status, "text"),
        element("td", trial.risk), element("td", trial.settled), element("td", text(trial.steps)),
        element("td", text(trial.until)), element("td", text(trial.seconds)),
        element("td", trial.note || held.settings[trial.settings], "message"));
      return row;
    }));
    for (const header of $("#trials thead tr").cells) header.removeAttribute("aria-sort");
  }

  async function drawCell() {
    const cell = held.cells[chosen], { task } = slice();
    const trials = held.trials[cell.place] ?? [], curves = held.curves[cell.place];
    $("#cell-title").textContent = `${cell.network}, ${cell.population}, ${cell.damage}, n = ${cell.n}: ${trials.length} trials`;
    fillTrials(trials);
    $("#curves-part").hidden = !curves;
    await unpacked; // pictures are copied
    const shown = (held.exhibits[cell.place] ?? []).map((name) => {
      const link = element("a"), picture = document.getElementById(name).querySelector("img").cloneNode();
      link.href = `#${name}`;
      link.append(picture);
      return link;
    });
    $("#cell-exhibits").replaceChildren(...(shown.length ? [element("h3", "Exhibits in which it is shown"), ...shown] : []));
    if (!curves) return;
    $("#curves-title").textContent = `Train risk of ${cell.network}, ${task.sign}`;
    const points = curves.pieces.flatMap(({ seed, phase, x, y }) => x.map((at, i) => ({ seed, phase, x: at, y: y[i] })));
    await embed("curves", { points }, { titles: { x: `${curves.axis}, on a root scale`, y: `train risk, ${task.sign}` } });
  }

  async function drawProposals() {
    const { axes, lines } = held.proposals[controls.family.value];
    const proposals = lines.flatMap((line, proposal) => axes.flatMap((axis, i) => line.places[i] === null ? [] : [{
      proposal, axis: axis.name.replaceAll("_", " "), place: line.places[i], told: line.told[i],
      rank: line.rank, risk: line.risk, where: line.where,
    }]));
    await embed("proposals", { proposals });
  }

  function choose(cell) {
    chosen = Number(cell);
    controls.severity.value = held.cells[chosen].severity;
    draw(() => views.map.signal("chosen", chosen).runAsync(), drawParts, drawCell);
  }

  function draw(...steps) { // one after another: a chart that is being made is not made again
    for (const step of steps) queue = queue.then(step);
    queue = queue.then(() => { document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn ?? 0) + 1); });
  }

  function all() {
    offer();
    draw(drawMap, drawParts, drawCell, drawSpeed);
  }

  $("#explorer").hidden = false;
  for (const name of ["population", "distortion", "n"]) controls[name].addEventListener("change", all);
  controls.error.addEventListener("change", () => draw(drawMap));
  controls.severity.addEventListener("change", () => draw(drawParts));
  controls.cell.addEventListener("change", () => choose(controls.cell.value));
  dark.addEventListener("change", () => { all(); if (controls.family) draw(drawProposals); });
  for (const form of document.querySelectorAll("#explore form")) form.addEventListener("submit", (event) => event.preventDefault());
  all();
  if (controls.family) {
    $("#search-chart").hidden = false;
    fill(controls.family, Object.keys(held.proposals).map((name) => [name, name]));
    controls.family.addEventListener("change", () => draw(drawProposals));
    draw(drawProposals);
  }
})();
