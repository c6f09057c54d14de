// Puts the views together. The state of the page is the text after "#": whoever gets the link
// sees the same picture.

import { showAbout } from "./about.js";
import { BoxesTable } from "./boxes.js";
import { Palette } from "./colors.js";
import { byId, make } from "./dom.js";
import { FlameView } from "./flame.js";
import { formatBound, formatCount, formatInterval, formatShare, formatValue } from "./format.js";
import { GraphView } from "./graph.js";
import { fillHelp } from "./help.js";
import { matchedMass } from "./layout.js";
import { KIND_NAMES, Model } from "./model.js";
import { unpack } from "./payload.js";
import { sandwichTrees } from "./sandwich.js";
import { SourceView } from "./source.js";
import { Tooltip } from "./tooltip.js";

const VIEWS = [["overview", "Overview"], ["flame", "Flame graph"], ["boxes", "Biggest boxes"], ["source", "Source"], ["graph", "Graph"], ["about", "About"]];

class Report {
  constructor(payload) {
    this.model = new Model(payload);
    this.model.callers.isCallers = true;
    this.palette = new Palette(this.model);
    this.tooltip = new Tooltip(byId("tooltip"), this.model);
    this.state = this.readState();
    this.drawn = {};
    this.makeViews();
    this.makeTools();
    this.setTheme(this.savedTheme());
    this.apply();
    addEventListener("hashchange", () => this.goTo(this.readState(), false));
    addEventListener("popstate", () => this.goTo(this.readState(), false));
    addEventListener("keydown", (event) => this.onKey(event));
  }

  // State.

  readState() {
    const words = new URLSearchParams(location.hash.slice(1));
    const number = (name, fallback, limit) => {
      const value = words.has(name) ? Number(words.get(name)) : fallback;
      return Number.isInteger(value) && value >= -1 && value < limit ? value : fallback;
    };
    const { model } = this;
    const inverted = words.get("inverted") === "1";
    const tree = inverted ? model.callers : model.callees;
    const labels = (words.get("labels") || "").split(",").map(Number);
    return {
      view: VIEWS.some(([key]) => key === words.get("view")) ? words.get("view") : "overview",
      type: Math.max(0, number("type", model.payload.defaultType, model.types.length)),
      labels: model.keys.map((key, i) => (labels[i] >= 0 && labels[i] < key.values.length && words.has("labels") ? labels[i] : -1)),
      inverted,
      zoom: Math.max(0, number("zoom", 0, tree.size)),
      frame: number("frame", -1, model.frames.name.length),
      sandwich: number("sandwich", -1, model.frames.name.length),
      sort: ["flat", "cum", "bound", "name"].includes(words.get("sort")) ? words.get("sort") : "flat",
      search: words.get("search") || "",
    };
  }

  writeState(push) {
    const { state, model } = this;
    const words = new URLSearchParams();
    const put = (name, value, usual) => value !== usual && words.set(name, value);
    put("view", state.view, "overview");
    put("type", state.type, model.payload.defaultType);
    put("labels", state.labels.join(","), state.labels.map(() => -1).join(","));
    put("inverted", state.inverted ? "1" : "", "");
    put("zoom", state.zoom, 0);
    put("frame", state.frame, -1);
    put("sandwich", state.sandwich, -1);
    put("sort", state.sort, "flat");
    put("search", state.search, "");
    const hash = words.size ? `#${words}` : "#";
    if (hash === (location.hash || "#")) return;
    if (push) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  }

  /** Change a part of the state and show what follows from it. */
  goTo(changes, push = true) {
    Object.assign(this.state, changes);
    this.apply();
    this.writeState(push);
  }

  // Parts.

  makeViews() {
    const { model, palette } = this;
    const common = {
      model,
      palette,
      onHover: (view, hit, event) => this.hover(view, hit, event),
      onSelect: (view, node) => this.selectNode(view, node),
      onZoom: (view, node) => this.zoom(view, node),
      onPivot: (view, node) => this.pivot(view.tree.frame[node]),
    };
    this.flame = new FlameView(byId("flame-tree"), common);
    this.above = new FlameView(byId("flame-callers"), { ...common, flip: true, skipRoot: true });
    this.below = new FlameView(byId("flame-callees"), common);
    this.boxes = new BoxesTable(byId("boxes"), {
      model,
      palette,
      onSort: (sort) => this.goTo({ sort }, false),
      onSelect: (frame) => this.selectFrame(frame),
      onPivot: (frame) => this.pivot(frame),
      onHover: (frame) => this.mark(frame),
    });
    this.source = new SourceView(byId("source"), { model, palette, onChoose: (frame) => this.goTo({ frame }) });
    this.graph = new GraphView(byId("graph-picture"), {
      onSelect: (name) => this.selectFrame(model.frames.name.indexOf(name)),
      onPivot: (name) => this.pivot(model.frames.name.indexOf(name)),
    });
    fillHelp(byId("help"));
  }

  makeTools() {
    const tabs = document.querySelector(".tabs");
    VIEWS.forEach(([key, label], i) => tabs.append(make("button", { type: "button", role: "tab", id: `tab-${key}`, title: `${label} (${i + 1})`, onclick: () => this.goTo({ view: key }), onkeydown: (event) => this.onTabKey(event, i) }, label)));
    const { model } = this;
    if (model.types.length > 1) model.types.forEach(([type, unit], i) => byId("types").append(make("button", { type: "button", title: `${type} in ${unit}`, onclick: () => this.goTo({ type: i }) }, type.replaceAll("_", " "))));
    model.keys.forEach((key, i) => {
      const options = key.values.map((text, value) => make("option", { value }, value ? text || "(empty)" : `no ${key.name}`));
      const absent = model.groups.some((group) => group[i] === 0);
      const present = new Set(model.groups.map((group) => group[i]));
      const choice = make("select", { "aria-label": `filter by ${key.name}`, onchange: (event) => this.goTo({ labels: this.state.labels.map((old, k) => (k === i ? Number(event.target.value) : old)) }) },
        make("option", { value: -1 }, `every ${key.name}`), ...options.slice(absent ? 0 : 1));
      choice.hidden = present.size < 2;
      byId("filters").append(choice);
    });
    const search = byId("search");
    search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.goTo({ search: search.value }, false), 80);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.nextMatch(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") {
        clearTimeout(this.typing);
        search.value = "";
        this.goTo({ search: "" }, false);
        search.blur();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
    byId("theme").addEventListener("click", () => this.toggleTheme());
    byId("help-button").addEventListener("click", () => byId("help").showModal());
    byId("from-roots").addEventListener("click", () => this.turn(false));
    byId("from-leaves").addEventListener("click", () => this.turn(true));
    byId("unsandwich").addEventListener("click", () => this.goTo({ sandwich: -1 }));
    document.querySelector(".tabs").setAttribute("aria-orientation", "horizontal");
  }

  onTabKey(event, index) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const [key] = VIEWS[(index + step + VIEWS.length) % VIEWS.length];
    this.goTo({ view: key });
    byId(`tab-${key}`).focus();
    event.preventDefault();
  }

  // Showing.

  apply() {
    const { model, state, drawn } = this;
    const data = `${state.type} ${state.labels}`;
    const fresh = drawn.data !== data;
    if (fresh) model.choose(state.type, state.labels);
    const searched = drawn.search !== state.search;
    if (searched) this.matches = model.match(state.search);
    document.body.dataset.view = state.view;
    document.body.dataset.sandwich = state.sandwich >= 0;
    this.applyTools();
    this.applyFlame(fresh);
    this.applyBoxes(fresh || searched || drawn.sort !== state.sort || drawn.theme !== this.palette.theme);
    if (state.view === "source") this.source.show(state.frame);
    if (state.view === "graph") this.showGraph();
    if (state.view === "about") showAbout(byId("about"), model);
    if (fresh) this.showHeadline();
    this.drawn = { data, search: state.search, sort: state.sort, theme: this.palette.theme, tree: drawn.tree, sandwich: this.drawn.sandwich, ...this.shown };
  }

  applyTools() {
    const { state, model } = this;
    for (const [key] of VIEWS) {
      const tab = byId(`tab-${key}`);
      tab.setAttribute("aria-selected", String(key === state.view));
      tab.tabIndex = key === state.view ? 0 : -1;
    }
    [...byId("types").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === state.type)));
    [...byId("filters").children].forEach((choice, i) => {
      choice.value = state.labels[i];
      choice.classList.toggle("active", state.labels[i] >= 0);
    });
    const search = byId("search");
    if (document.activeElement !== search) search.value = state.search;
    byId("from-roots").setAttribute("aria-pressed", String(!state.inverted));
    byId("from-leaves").setAttribute("aria-pressed", String(state.inverted));
    byId("subtitle").textContent = this.subtitle(model);
  }

  subtitle(model) {
    const { facts } = model.payload;
    const parts = [`${formatValue(model.net, model.unit)} ${model.typeName === "samples" ? "samples" : model.typeName.replaceAll("_", " ")}`];
    if (model.countType >= 0 && model.countType !== model.type) parts.push(`${formatCount(model.samples)} samples`);
    if (facts.durationNanos > 0) parts.push(`recorded over ${formatValue(facts.durationNanos, "nanoseconds")}`);
    const [, unit, period] = facts.period;
    if (unit === "nanoseconds" && period > 0) parts.push(`${formatCount(Math.round(1e9 / period))} Hz`);
    return parts.join("  ·  ");
  }

  applyFlame(fresh) {
    const { state, model } = this;
    const tree = state.inverted ? model.callers : model.callees;
    const isSandwich = state.sandwich >= 0;
    byId("flame-tree").hidden = isSandwich;
    byId("sandwich").hidden = !isSandwich;
    byId("unsandwich").hidden = !isSandwich;
    for (const view of [this.flame, this.above, this.below]) view.matches = this.matches;
    if (fresh || this.flame.tree !== tree) {
      this.flame.show(tree);
      byId("flame").style.setProperty("--content", `${this.flame.usefulHeight + 2}px`);
      if (state.zoom) this.flame.zoomTo(state.zoom, { animate: false });
    } else if (this.flame.node !== state.zoom) this.flame.zoomTo(state.zoom);
    if (isSandwich && (fresh || this.sandwiched !== state.sandwich)) this.showSandwich(state.sandwich);
    this.sandwiched = isSandwich ? state.sandwich : -1;
    this.showCrumbs();
    this.showMatched();
    this.showDetail(state.frame);
    for (const view of [this.flame, this.above, this.below]) {
      view.resize();
      view.redraw();
    }
  }

  showSandwich(frame) {
    const { model } = this;
    const { callers, callees } = sandwichTrees(model.callees, frame);
    callers.isCallers = true;
    const missing = model.cum[frame] - callees.total[0];
    const rest = missing ? `, ${formatValue(missing, model.unit)} more inside rest frames` : "";
    byId("sandwich-name").textContent = `callees of ${model.frames.name[frame]}${rest}`;
    this.above.show(callers);
    this.below.show(callees);
  }

  showCrumbs() {
    const { state, model } = this;
    const crumbs = byId("crumbs");
    if (state.sandwich >= 0) {
      crumbs.replaceChildren(make("span", { class: "word" }, "sandwich of"), make("strong", {}, model.frames.name[state.sandwich]));
      return;
    }
    const path = this.flame.path();
    const shown = path.length > 6 ? [path[0], -1, ...path.slice(-4)] : path;
    crumbs.replaceChildren(...shown.map((node) => {
      if (node < 0) return make("span", { class: "gap" }, `${path.length - 5} more`);
      const name = model.nodeName(this.flame.tree, node);
      return make("button", { type: "button", title: name, "aria-current": node === this.flame.node ? "location" : null, onclick: () => this.zoom(this.flame, node) }, name);
    }));
  }

  showMatched() {
    const { model, matches } = this;
    let text = "";
    if (matches) {
      const functions = matches.reduce((count, hit) => count + hit, 0);
      const share = formatShare(model.share(matchedMass(this.flame.tree, matches)));
      text = functions ? `${formatCount(functions)} ${functions === 1 ? "function" : "functions"}, ${share} of the total` : "nothing found";
    }
    byId("matched").textContent = text;
  }

  applyBoxes(anew) {
    const { state } = this;
    this.boxes.chosen = state.frame;
    if (anew) this.boxes.show(state.sort, this.matches);
    else this.boxes.choose(state.frame);
  }

  showGraph() {
    const { model, state } = this;
    this.graph.show(model.payload.graph);
    this.graph.choose(state.frame < 0 ? "" : model.frames.name[state.frame]);
    this.graph.match(this.matches && ((name) => this.matches[model.frames.name.indexOf(name)]));
    const drawn = model.payload.defaultType;
    const other = state.type !== drawn || state.labels.some((value) => value >= 0);
    byId("graph-note").textContent = other ? `the graph shows all samples by ${model.types[drawn][0]}` : "";
  }

  showHeadline() {
    const { model } = this;
    let best = -1;
    model.flat.forEach((value, i) => {
      if (best < 0 || Math.abs(value) > Math.abs(model.flat[best])) best = i;
    });
    const host = byId("headline");
    if (best < 0 || !model.total) {
      host.replaceChildren(make("p", { class: "lead" }, "no samples"), make("p", { class: "quiet" }, "the program may have been too short, or the filter leaves nothing"));
      return;
    }
    const value = model.flat[best];
    const interval = model.interval(value);
    const bound = model.bound(model.cum[best]);
    const lead = make("p", { class: "lead" }, make("button", { type: "button", class: "fn", onclick: () => this.selectFrame(best) }, model.frames.name[best]),
      ` ${model.isDiff ? "differs most" : "is the biggest box"}: ${formatShare(model.share(value))} of ${model.typeName.replaceAll("_", " ")}`);
    const notes = [];
    if (interval) notes.push(`between ${formatInterval(interval).replace("–", " and ")} with 95% confidence`);
    else notes.push(model.noInterval());
    if (bound < 1000 && bound !== null) notes.push(`at most ${formatBound(bound)} faster if it were free`);
    if (interval && model.samples < 100) notes.push(`only ${formatCount(model.samples)} samples`);
    host.replaceChildren(lead, make("p", { class: "quiet" }, notes.filter(Boolean).join("  ·  ")));
  }

  showDetail(frame) {
    const { model } = this;
    const host = byId("detail");
    if (frame < 0) {
      const kinds = [...new Set(model.frames.origins.map(([kind]) => kind))].sort();
      const legend = kinds.map((kind) => make("span", { class: "legend" }, make("i", { class: "swatch", style: { background: this.palette.sample(kind) } }), KIND_NAMES[kind]));
      host.replaceChildren(make("span", { class: "quiet facts" }, "click a box to zoom, double click for callers and callees, ? for all keys"), ...legend);
      return;
    }
    const interval = model.interval(model.cum[frame]);
    const bound = model.bound(model.cum[frame]);
    const amount = (value) => `${formatValue(value, model.unit)} (${formatShare(model.share(value))})`;
    const facts = [`flat ${amount(model.flat[frame])}`, `cum ${amount(model.cum[frame])}${interval ? `, 95%: ${formatInterval(interval)}` : ""}`];
    if (bound < 1000 && bound !== null) facts.push(`at most ${formatBound(bound)} faster if free`);
    host.replaceChildren(make("strong", { title: model.frames.name[frame] }, model.frames.name[frame]), make("span", { class: "place", title: model.place(frame) }, model.place(frame, true)), make("span", { class: "facts" }, facts.join("  ·  ")),
      make("button", { type: "button", onclick: () => this.pivot(frame) }, "Sandwich"), make("button", { type: "button", onclick: () => this.goTo({ view: "source", frame }) }, "Source"));
  }

  // Acting.

  hover(view, hit, event) {
    if (!hit) this.tooltip.hide();
    else if (hit.sliver) this.tooltip.showSliver(hit.sliver.count, hit.sliver.mass, event.clientX, event.clientY);
    else this.tooltip.showNode(view.tree, hit.node, event.clientX, event.clientY);
  }

  selectNode(view, node) {
    const frame = view.tree.frame[node];
    this.state.frame = frame >= 0 ? frame : -1;
    this.showDetail(this.state.frame);
    this.boxes.choose(this.state.frame);
    this.writeState(false);
  }

  selectFrame(frame) {
    this.mark(frame);
    this.goTo({ frame });
  }

  mark(frame) {
    const marked = frame >= 0 ? frame : this.state.frame;
    for (const view of [this.flame, this.above, this.below]) {
      view.marked = marked;
      view.redraw();
    }
  }

  zoom(view, node) {
    this.tooltip.hide();
    if (view === this.flame) this.goTo({ zoom: node });
    else view.zoomTo(node);
  }

  turn(inverted) {
    this.goTo({ inverted, zoom: 0, sandwich: -1 });
  }

  pivot(frame) {
    if (!(frame >= 0)) return;
    this.tooltip.hide();
    const view = ["overview", "flame"].includes(this.state.view) ? this.state.view : "flame";
    this.goTo({ sandwich: frame, frame, view });
  }

  nextMatch(step) {
    const { tree, selected } = this.flame;
    if (!this.matches || this.state.sandwich >= 0) return;
    for (let k = 1; k <= tree.size; k++) {
      const node = (((selected < 0 ? 0 : selected) + step * k) % tree.size + tree.size) % tree.size;
      if (tree.frame[node] >= 0 && tree.mass[node] > 0 && this.matches[tree.frame[node]]) {
        this.flame.select(node);
        const parent = tree.parent[node];
        if (tree.mass[node] < (this.flame.range[1] - this.flame.range[0]) / 40 || !this.isInRange(node)) this.zoom(this.flame, Math.max(0, parent));
        return;
      }
    }
  }

  isInRange(node) {
    const { layout, range } = this.flame;
    return layout.start[node] >= range[0] && layout.start[node] < range[1];
  }

  escape() {
    if (this.state.search) this.goTo({ search: "" }, false);
    else if (this.state.sandwich >= 0) this.goTo({ sandwich: -1 });
    else if (this.state.zoom) this.goTo({ zoom: 0 });
    else {
      this.flame.selected = -1;
      this.goTo({ frame: -1 }, false);
      this.mark(-1);
    }
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const frame = this.state.frame;
    const actions = {
      "/": () => byId("search").select(),
      "?": () => byId("help").showModal(),
      Escape: () => this.escape(),
      t: () => this.toggleTheme(),
      i: () => this.turn(!this.state.inverted),
      s: () => this.pivot(frame),
      o: () => this.goTo({ view: "source" }),
      n: () => this.nextMatch(1),
      N: () => this.nextMatch(-1),
      f: () => this.goTo({ sort: "flat" }, false),
      c: () => this.goTo({ sort: "cum" }, false),
      0: () => this.goTo({ zoom: 0 }),
    };
    const view = VIEWS[Number(event.key) - 1];
    const action = view ? () => this.goTo({ view: view[0] }) : actions[event.key];
    const walks = /^(Arrow|Enter$|Backspace$|Home$)/.test(event.key) && event.target === document.body;
    if (action) action();
    else if (walks && ["overview", "flame"].includes(this.state.view)) (this.state.sandwich >= 0 ? this.below : this.flame).onKey(event);
    else return;
    event.preventDefault();
  }

  // Theme.

  savedTheme() {
    try {
      const saved = localStorage.getItem("whet-theme");
      if (saved === "light" || saved === "dark") return saved;
    } catch {
      // Storage is off for local files in some browsers: follow the system.
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }

  toggleTheme() {
    const theme = this.palette.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("whet-theme", theme);
    } catch {
      // As above: the choice then lasts as long as the page.
    }
    this.setTheme(theme);
    this.apply();
  }

  setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    this.palette.use(theme);
  }
}

async function open() {
  try {
    const payload = await unpack(byId("payload").textContent);
    window.report = new Report(payload);
    document.body.dataset.ready = "true";
  } catch (error) {
    byId("headline").replaceChildren(make("p", { class: "lead" }, "this report cannot be shown"), make("p", {}, String(error.message || error)));
    throw error;
  }
}

open();
