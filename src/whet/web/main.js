// Puts the views together, over either source of data. The state of the page is its address:
// whoever gets the link sees the same picture.

import { showAbout } from "./about.js";
import { BoxesTable } from "./boxes.js";
import { Palette } from "./colors.js";
import { byId, make } from "./dom.js";
import { EmbeddedData, chosenProfile } from "./embedded.js";
import { FlameView } from "./flame.js";
import { formatBound, formatCount, formatInterval, formatShare, formatValue } from "./format.js";
import { GraphView } from "./graph.js";
import { fillHelp } from "./help.js";
import { KIND_NAMES } from "./model.js";
import { unpack } from "./payload.js";
import { PeekView } from "./peek.js";
import { Refine, exactly } from "./refine.js";
import { ServedData } from "./served.js";
import { SourceView } from "./source.js";
import { showTags } from "./tags.js";
import { TimelineView } from "./timeline.js";
import { Tooltip } from "./tooltip.js";

class Report {
  constructor(data) {
    this.data = data;
    this.model = data.model;
    this.palette = new Palette(this.model);
    this.tooltip = new Tooltip(byId("tooltip"), this.model);
    this.drawn = {};
    this.asked = 0;
    this.setTheme(this.savedTheme());
    this.state = data.readState();
    this.makeViews();
    this.makeTools();
    addEventListener("hashchange", () => this.moved());
    addEventListener("popstate", () => this.moved());
    addEventListener("keydown", (event) => this.onKey(event));
  }

  /** The address has changed: show what it says. */
  moved() {
    // The views are made for one profile: another one is opened anew.
    if (!this.data.isServed && this.data.isElsewhere()) return location.reload();
    return this.goTo(this.data.readState(), null);
  }

  /** Show another profile of this page. */
  turnTo(name) {
    const { names } = this.data;
    location.hash = name === names[0] ? "" : new URLSearchParams({ profile: name });
  }

  turnToNext() {
    const { names, name } = this.data;
    if (names && names.length > 1) this.turnTo(names[(names.indexOf(name) + 1) % names.length]);
  }

  /** Change a part of the state and show what follows from it. */
  goTo(changes, push = true) {
    const before = this.state;
    const state = { ...before, ...changes };
    // Other samples or frames make other trees: what was zoomed into is not there any more.
    if (this.data.isServed && push !== null && !("zoom" in changes) && ["filters", "labels", "time", "inverted"].some((part) => part in changes)) state.zoom = this.data.noZoom();
    this.state = state;
    const asked = ++this.asked;
    const pending = this.data.load(state);
    if (!pending) return this.arrive(push);
    document.body.dataset.busy = "true";
    return pending.then(
      () => asked === this.asked && this.arrive(push),
      (error) => asked === this.asked && this.refuse(error, before, push),
    );
  }

  arrive(push) {
    delete document.body.dataset.busy;
    this.complain("");
    this.apply();
    if (push !== null) this.data.writeState(this.state, push);
  }

  /** Say what was wrong, and keep what can be seen. */
  refuse(error, before, push) {
    delete document.body.dataset.busy;
    this.complain(error.message);
    if (push !== null && this.drawn.done) this.state = before;
  }

  complain(text) {
    byId("problem").textContent = text;
    byId("problem").hidden = !text;
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
    this.source = new SourceView(byId("source"), { data: this.data, model, palette, onChoose: (frame) => this.goTo({ frame }) });
    this.graph = new GraphView(byId("graph-picture"), {
      onSelect: (name) => this.selectFrame(model.frames.name.indexOf(name)),
      onPivot: (name) => this.pivot(model.frames.name.indexOf(name)),
    });
    if (this.data.isServed) this.makeServedViews();
    fillHelp(byId("help"), this.data.isServed, this.data.views);
  }

  makeServedViews() {
    const { model, palette } = this;
    this.peek = new PeekView(byId("peek"), { model, palette, onPeek: (peek) => this.goTo({ peek }), onSelect: (frame) => this.goTo({ frame, peek: exactly(model.frames.name[frame]) }) });
    this.refine = new Refine(byId("refine"), byId("chips"), {
      keys: [...model.labels.keys.map((key) => key.name), ...model.labels.unused.map(([name]) => name)],
      onApply: (filters) => this.goTo({ filters }),
    });
    byId("refine-button").hidden = false;
    byId("refine-button").addEventListener("click", () => this.refine.open(this.state.filters));
    byId("save-button").hidden = false;
    byId("save-button").addEventListener("click", () => this.save());
    if (model.timeline) this.timeline = new TimelineView(byId("time"), { palette, lengthNs: model.timeline.lengthNs, onChoose: (time) => this.goTo({ time }) });
  }

  /** Download what is seen as one file that works without the server. */
  save() {
    make("a", { href: this.data.address(this.state, "save/"), download: "" }).click();
  }

  makeTools() {
    const tabs = document.querySelector(".tabs");
    this.data.views.forEach(([key, label], i) => tabs.append(make("button", { type: "button", role: "tab", id: `tab-${key}`, title: `${label} (${i + 1})`, onclick: () => this.goTo({ view: key }), onkeydown: (event) => this.onTabKey(event, i) }, label)));
    const { model } = this;
    const names = this.data.names ?? [];
    if (names.length > 1) names.forEach((name) => byId("profiles").append(make("button", { type: "button", "aria-pressed": String(name === this.data.name), title: `${name} (m: the next one)`, onclick: () => this.turnTo(name) }, name)));
    if (model.types.length > 1) model.types.forEach(([type, unit], i) => byId("types").append(make("button", { type: "button", title: `${type} in ${unit}`, onclick: () => this.goTo({ type: i }) }, type.replaceAll("_", " "))));
    this.data.choices().forEach((key, i) => {
      const options = key.values.map((text, value) => make("option", { value }, value ? text || "(empty)" : `no ${key.name}`));
      const choice = make("select", { "aria-label": `filter by ${key.name}`, onchange: (event) => this.chooseLabel(i, Number(event.target.value)) },
        make("option", { value: -1 }, `every ${key.name}`), ...options.slice(key.absent ? 0 : 1));
      choice.hidden = key.hidden;
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

  chooseLabel(key, value) {
    this.goTo({ labels: this.state.labels.map((old, k) => (k === key ? value : old)) });
  }

  onTabKey(event, index) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const { views } = this.data;
    const [key] = views[(index + step + views.length) % views.length];
    this.goTo({ view: key });
    byId(`tab-${key}`).focus();
    event.preventDefault();
  }

  // Showing.

  apply() {
    const { model, state, drawn } = this;
    const fresh = this.data.show(state) || !drawn.done;
    const searched = fresh || drawn.search !== state.search;
    if (searched || this.data.isServed) this.matches = model.match(state.search);
    document.body.dataset.view = state.view;
    document.body.dataset.sandwich = state.sandwich >= 0;
    this.applyTools();
    this.applyFlame(fresh);
    this.applyBoxes(fresh || searched || drawn.sort !== state.sort || drawn.theme !== this.palette.theme);
    if (state.view === "source") this.source.show(state);
    if (state.view === "graph") this.showGraph();
    if (state.view === "about") showAbout(byId("about"), model);
    if (this.data.isServed) this.applyServed();
    if (fresh) this.showHeadline();
    this.drawn = { done: true, search: state.search, sort: state.sort, theme: this.palette.theme };
  }

  applyServed() {
    const { model, state, data } = this;
    const time = state.time && this.timeline ? [[`time ${this.timeText(state.time)}`, () => this.goTo({ time: "" })]] : [];
    this.refine.showChips(state.filters, time);
    if (this.timeline) this.timeline.show(data.parts.view.timeline, state.time);
    if (state.view === "peek") this.peek.show(state.peek, data.parts.peek);
    if (state.view === "tags") {
      showTags(byId("tags"), {
        model,
        keys: data.parts.tags.tags,
        onChoose: (key, value) => {
          const index = model.labels.keys.findIndex(({ name }) => name === key);
          this.chooseLabel(index, model.labels.keys[index].values.indexOf(value));
        },
        onGroup: (key) => this.goTo({ filters: { ...state.filters, tagroot: key }, view: "flame" }),
      });
    }
    const warnings = model.warnings.join("; ");
    if (warnings) this.complain(warnings);
  }

  timeText(word) {
    return word.split("-").map((end) => formatValue(Number(end), "nanoseconds")).join(" – ");
  }

  applyTools() {
    const { state, model } = this;
    for (const [key] of this.data.views) {
      const tab = byId(`tab-${key}`);
      tab.setAttribute("aria-selected", String(key === state.view));
      tab.tabIndex = key === state.view ? 0 : -1;
      if (key === state.view && this.tab !== key) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.tab = state.view;
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
    const { facts } = model;
    const parts = [`${formatValue(model.net, model.unit)} ${model.typeName === "samples" ? "samples" : model.typeName.replaceAll("_", " ")}`];
    if (model.countType >= 0 && model.countType !== model.type) parts.push(`${formatCount(model.samples)} samples`);
    if (facts.durationNanos > 0) parts.push(`recorded over ${formatValue(facts.durationNanos, "nanoseconds")}`);
    const [, unit, period] = facts.period;
    if (unit === "nanoseconds" && period > 0) parts.push(`${formatCount(Math.round(1e9 / period))} Hz`);
    return parts.join("  ·  ");
  }

  applyFlame(fresh) {
    const { state, data } = this;
    const tree = data.tree(state);
    const node = data.zoomNode(state, tree);
    const isSandwich = state.sandwich >= 0;
    byId("flame-tree").hidden = isSandwich;
    byId("sandwich").hidden = !isSandwich;
    byId("unsandwich").hidden = !isSandwich;
    for (const view of [this.flame, this.above, this.below]) view.matches = this.matches;
    if (fresh || this.flame.tree !== tree) {
      // A closer look at the same tree moves there; another tree is shown at once.
      const stay = !fresh && this.flame.tree?.isCallers === tree.isCallers && data.isServed;
      this.flame.show(tree, { stay });
      byId("flame").style.setProperty("--content", `${this.flame.usefulHeight + 2}px`);
      if (stay || node) this.flame.zoomTo(node, { animate: stay });
    } else if (this.flame.node !== node) this.flame.zoomTo(node);
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
    const { callers, callees, missing } = this.data.sandwich(frame);
    callers.isCallers = true;
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
      const { functions, mass } = this.data.found(this.state, this.flame.tree, matches);
      const share = formatShare(model.share(mass));
      text = functions ? `${formatCount(functions)} ${functions === 1 ? "function" : "functions"}, ${share} of the total` : "nothing found";
    }
    byId("matched").textContent = text;
  }

  applyBoxes(anew) {
    const { state } = this;
    this.boxes.chosen = state.frame;
    this.boxesAreOld ||= anew;
    if (!["overview", "boxes"].includes(state.view)) return;
    if (this.boxesAreOld) this.boxes.show(state.sort, this.matches);
    else this.boxes.choose(state.frame);
    this.boxesAreOld = false;
  }

  showGraph() {
    const { model, state } = this;
    const { text, note } = this.data.graph(state);
    this.graph.show(text);
    this.graph.choose(state.frame < 0 ? "" : model.frames.name[state.frame]);
    this.graph.match(this.matches && ((name) => this.matches[model.frames.name.indexOf(name)]));
    byId("graph-note").textContent = note;
  }

  showHeadline() {
    const { model } = this;
    let best = -1;
    model.flat.forEach((value, i) => {
      if (value && (best < 0 || Math.abs(value) > Math.abs(model.flat[best]))) best = i;
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
      if (model.isDiff) return host.replaceChildren(make("span", { class: "quiet facts" }, "a box is as wide as both sides together"), ...this.changeLegend());
      const kinds = [...new Set(model.frames.origins.map(([kind]) => kind))].sort();
      const legend = kinds.map((kind) => make("span", { class: "legend" }, make("i", { class: "swatch", style: { background: this.palette.sample(kind) } }), KIND_NAMES[kind]));
      host.replaceChildren(make("span", { class: "quiet facts" }, "click a box to zoom, double click for callers and callees, ? for all keys"), ...legend);
      return;
    }
    const interval = model.interval(model.cum[frame]);
    const bound = model.bound(model.cum[frame]);
    const amount = (value) => `${formatValue(value, model.unit)} (${formatShare(model.share(value))})`;
    if (Number.isNaN(model.cum[frame])) return host.replaceChildren(make("strong", {}, model.frames.name[frame]), make("span", { class: "facts" }, "not among the boxes of this view"));
    const facts = [`flat ${amount(model.flat[frame])}`, `cum ${amount(model.cum[frame])}${interval ? `, 95%: ${formatInterval(interval)}` : ""}`];
    if (bound < 1000 && bound !== null) facts.push(`at most ${formatBound(bound)} faster if free`);
    host.replaceChildren(make("strong", { title: model.frames.name[frame] }, model.frames.name[frame]), make("span", { class: "place", title: model.place(frame) }, model.place(frame, true)), make("span", { class: "facts" }, facts.join("  ·  ")),
      make("button", { type: "button", onclick: () => this.pivot(frame) }, "Sandwich"), make("button", { type: "button", onclick: () => this.goTo({ view: "source", frame }) }, "Source"),
      ...(this.data.isServed ? this.frameButtons(frame) : []));
  }

  changeLegend() {
    const entries = [["new or more", 1], ["some more", 0.3], ["as before", 0], ["some less", -0.3], ["gone or less", -1]];
    return entries.map(([text, ratio]) => make("span", { class: "legend" }, make("i", { class: "swatch", style: { background: this.palette.change(ratio)[0] } }), text));
  }

  frameButtons(frame) {
    const button = (label, action) => make("button", { type: "button", onclick: action }, label);
    return [button("Peek", () => this.peekAt(frame)), ...[["Focus", "f"], ["Ignore", "i"], ["Hide", "h"]].map(([label, word]) => button(label, () => this.filterBy(word, frame)))];
  }

  // Acting.

  peekAt(frame) {
    if (frame >= 0) this.goTo({ view: "peek", peek: exactly(this.model.frames.name[frame]) });
  }

  filterBy(word, frame) {
    if (frame < 0) return;
    const old = this.state.filters[word];
    const name = exactly(this.model.frames.name[frame]);
    this.goTo({ filters: { ...this.state.filters, [word]: old ? `${old}|${name}` : name }, sandwich: -1 });
  }

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
    this.data.writeState(this.state, false);
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
    if (view === this.flame) this.goTo({ zoom: this.data.zoomWord(view.tree, node) });
    else view.zoomTo(node);
  }

  turn(inverted) {
    this.goTo({ inverted, zoom: this.data.noZoom(), sandwich: -1 });
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
    else if (this.state.zoom) this.goTo({ zoom: this.data.noZoom() });
    else {
      this.flame.selected = -1;
      this.goTo({ frame: -1 }, false);
      this.mark(-1);
    }
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open || byId("refine").open) return;
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
      0: () => this.goTo({ zoom: this.data.noZoom() }),
      b: () => this.source.toggleCode(),
      m: () => this.turnToNext(),
      ...(this.data.isServed ? this.servedKeys(frame) : {}),
    };
    const view = this.data.views[Number(event.key) - 1];
    const action = view ? () => this.goTo({ view: view[0] }) : actions[event.key];
    const walks = /^(Arrow|Enter$|Backspace$|Home$)/.test(event.key) && event.target === document.body;
    if (action) action();
    else if (walks && ["overview", "flame"].includes(this.state.view)) (this.state.sandwich >= 0 ? this.below : this.flame).onKey(event);
    else return;
    event.preventDefault();
  }

  servedKeys(frame) {
    return {
      p: () => this.peekAt(frame),
      r: () => this.refine.open(this.state.filters),
      F: () => this.filterBy("f", frame),
      X: () => this.filterBy("i", frame),
      H: () => this.filterBy("h", frame),
      u: () => this.goTo({ filters: {}, time: "", labels: this.state.labels.map(() => -1) }),
      w: () => this.save(),
    };
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

async function embedded(payloads) {
  const names = [...payloads.keys()];
  const name = chosenProfile(names);
  return new EmbeddedData(await unpack(payloads.get(name).textContent), name, names);
}

async function open() {
  try {
    const payloads = new Map([...document.querySelectorAll("script.payload")].map((part) => [part.dataset.name, part]));
    const data = payloads.size ? await embedded(payloads) : await ServedData.open();
    const report = new Report(data);
    window.report = report;
    await report.goTo({}, null);
    document.body.dataset.ready = "true";
  } catch (error) {
    byId("headline").replaceChildren(make("p", { class: "lead" }, "this report cannot be shown"), make("p", {}, String(error.message || error)));
    throw error;
  }
}

open();
