// The data of the web UI: asked for, a screenful at a time, from the server the page came from.
//
// Every answer is kept under its address for a while, so that going back asks for nothing. Frames
// are known by the server's names for them ("location.line"); a row of the frame table keeps its
// number as long as the page lives. The state is the page's address.

import { Measures } from "./model.js";
import { REST, ROOT, undelta } from "./payload.js";

const KEPT_ANSWERS = 24;
const PATHS = { overview: "", flame: "flamegraph", boxes: "top", source: "source", graph: "graph", peek: "peek", tags: "tags", about: "about" };
const SERVED_VIEWS = [["overview", "Overview"], ["flame", "Flame graph"], ["boxes", "Biggest boxes"], ["source", "Source"], ["graph", "Graph"], ["peek", "Peek"], ["tags", "Labels"], ["about", "About"]];
// Parameters of the address that are options of reports, by pprof's names.
export const OPTION_WORDS = ["f", "i", "h", "s", "sf", "prunefrom", "tf", "ti", "ts", "th", "tagroot", "tagleaf", "g", "noinlines", "showcolumns", "rel", "dropneg", "calltree", "n", "nf", "ef", "trim", "unit", "divide_by"];

/** The sums of one view, and the frames met so far. */
class ServedModel extends Measures {
  constructor(about) {
    super();
    Object.assign(this, about);
    this.frames = { name: [], file: [], line: [], files: [""], origins: [[3, "native"]], id: [] };
    this.byId = new Map();
    this.fileRows = new Map([["", 0]]);
    this.countType = this.types.findIndex(([type, unit]) => type === "samples" && unit === "count");
    this.type = 0;
    this.flat = [];
    this.cum = [];
  }

  /** Take over the sums of a view; those of single frames follow with `learn`. */
  take(head, functions) {
    Object.assign(this, head);
    this.flat.fill(NaN);
    this.cum.fill(NaN);
    this.functions = functions;
  }

  /** Return the row of a frame by the server's name for it; a new one waits for its name. */
  rowOf(id) {
    let row = this.byId.get(id);
    if (row === undefined) {
      row = this.frames.name.push("…") - 1;
      this.frames.file.push(0);
      this.frames.line.push(0);
      this.frames.id.push(id);
      this.flat.push(NaN);
      this.cum.push(NaN);
      this.byId.set(id, row);
    }
    return row;
  }

  /** Read the frames of an answer; return the row of each. */
  learn(columns) {
    const { frames } = this;
    const files = columns.files.map((file, i) => {
      let row = this.fileRows.get(file);
      if (row === undefined) {
        row = frames.files.push(file) - 1;
        this.fileRows.set(file, row);
      }
      frames.origins[row] = columns.origins[i];
      return row;
    });
    return Int32Array.from(columns.id, (id, i) => {
      const row = this.rowOf(id);
      frames.name[row] = columns.name[i];
      frames.file[row] = files[columns.file[i]];
      frames.line[row] = columns.line[i];
      this.flat[row] = columns.flat[i];
      this.cum[row] = columns.cum[i];
      return row;
    });
  }

  noInterval() {
    return this.reason;
  }

  typeTotal(index) {
    return index === this.type ? this.net : null;
  }

  get hiddenFunctions() {
    return this.functions - this.flat.reduce((count, value, i) => count + (value || this.cum[i] ? 1 : 0), 0);
  }

  hiddenBelow() {
    return "smaller: search for them, or focus";
  }
}

export class ServedData {
  constructor(about) {
    this.model = new ServedModel(about);
    this.views = SERVED_VIEWS;
    this.isServed = true;
    this.answers = new Map();
    this.defaultType = this.readDefaultType(about);
    this.current = "";
  }

  static async open() {
    return new ServedData(await ask("about"));
  }

  readDefaultType(about) {
    const index = about.defaultType;
    return index >= 0 ? index : about.types.length - 1;
  }

  choices() {
    return this.model.labels.keys.map((key) => ({ ...key, hidden: key.values.length - 1 + key.absent < 2 }));
  }

  // State.

  readState() {
    const words = new URLSearchParams(location.search);
    const path = location.pathname.slice("/ui/".length);
    const si = words.get("si") || "";
    const named = this.model.types.findIndex(([type]) => type === si);
    const chosen = words.getAll("label").map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]);
    const filters = {};
    for (const word of OPTION_WORDS) if (words.get(word)) filters[word] = words.get(word);
    return {
      view: Object.keys(PATHS).find((view) => PATHS[view] === path) || "overview",
      type: named >= 0 ? named : /^\d+$/.test(si) && Number(si) < this.model.types.length ? Number(si) : this.defaultType,
      labels: this.model.labels.keys.map((key) => {
        const pair = chosen.find(([name]) => name === key.name);
        return pair ? key.values.indexOf(pair[1]) : -1;
      }),
      inverted: words.get("inverted") === "1",
      zoom: words.get("zoom") || "",
      frame: words.get("frame") ? this.model.rowOf(words.get("frame")) : -1,
      sandwich: words.get("sandwich") ? this.model.rowOf(words.get("sandwich")) : -1,
      sort: words.get("sort") || "flat",
      search: words.get("search") || "",
      peek: words.get("peek") || "",
      time: words.get("time") || "",
      filters,
    };
  }

  /** Return the words that choose samples, frames and values. */
  chosenWords(state) {
    const words = new URLSearchParams();
    if (state.type !== this.defaultType) words.set("si", this.model.types[state.type][0]);
    for (const word of OPTION_WORDS) if (state.filters[word]) words.set(word, state.filters[word]);
    state.labels.forEach((value, i) => {
      const key = this.model.labels.keys[i];
      if (value >= 0) words.append("label", `${key.name}=${key.values[value]}`);
    });
    if (state.time) words.set("time", state.time);
    return words;
  }

  allWords(state) {
    const words = this.chosenWords(state);
    const id = (row) => this.model.frames.id[row];
    if (state.inverted) words.set("inverted", "1");
    if (state.zoom) words.set("zoom", state.zoom);
    // Always there in their views, because pprof's addresses of these have `f` instead.
    if (state.frame >= 0 || state.view === "source") words.set("frame", state.frame >= 0 ? id(state.frame) : "");
    if (state.sandwich >= 0) words.set("sandwich", id(state.sandwich));
    if (state.sort !== "flat") words.set("sort", state.sort);
    if (state.search) words.set("search", state.search);
    if (state.peek || state.view === "peek") words.set("peek", state.peek);
    return words;
  }

  address(state, folder = "") {
    const words = this.allWords(state);
    return `/ui/${folder}${PATHS[state.view]}${words.size ? `?${words}` : ""}`;
  }

  writeState(state, push) {
    const address = this.address(state);
    if (address === location.pathname + location.search) return;
    if (push) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  }

  // Answers.

  /** Return {part: address}, everything that a state needs. */
  needs(state) {
    const words = String(this.chosenWords(state));
    const way = state.inverted ? "&inverted=1" : "";
    const id = (row) => this.model.frames.id[row];
    const more = (name, value) => `&${new URLSearchParams([[name, value]])}`;
    const needs = { view: `view?${words}${way}` };
    if (state.zoom) needs.tree = `tree?${words}${way}${more("zoom", state.zoom)}`;
    if (state.sandwich >= 0) needs.sandwich = `sandwich?${words}${more("sandwich", id(state.sandwich))}`;
    if (state.search.trim()) needs.search = `search?${words}${more("search", state.search)}`;
    if (state.view === "graph") needs.graph = `graph?${words}`;
    if (state.view === "tags") needs.tags = `tags?${words}`;
    if (state.view === "peek" && state.peek) needs.peek = `peek?${words}${more("peek", state.peek)}`;
    const frame = state.view === "source" ? this.sourceFrame(state, needs.view) : -1;
    if (frame >= 0) needs.source = `source?${words}${more("frame", id(frame))}`;
    return needs;
  }

  load(state) {
    const missing = Object.values(this.needs(state)).filter((address) => !this.answers.has(address));
    if (!missing.length) return null;
    const asked = missing.map(async (address) => this.answers.set(address, await ask(address)));
    // The heaviest function, whose source is shown by default, is known only after the view.
    return Promise.all(asked).then(() => this.load(state));
  }

  show(state) {
    const needs = this.needs(state);
    const key = Object.values(needs).join(" ");
    if (key === this.current) return false;
    this.current = key;
    const viewChanged = this.viewKey !== needs.view;
    this.viewKey = needs.view;
    this.parts = {};
    for (const [name, address] of Object.entries(needs)) this.parts[name] = this.used(address);
    const { view } = this.parts;
    this.model.take(view.head, view.functions);
    for (const part of Object.values(this.parts)) if (part.frames) part.rows = this.model.learn(part.frames);
    this.drop(new Set(Object.values(needs)));
    return viewChanged;
  }

  /** Return an answer and make it the latest used. */
  used(address) {
    const answer = this.answers.get(address);
    this.answers.delete(address);
    this.answers.set(address, answer);
    return answer;
  }

  drop(needed) {
    for (const address of this.answers.keys()) {
      if (this.answers.size <= KEPT_ANSWERS) return;
      if (!needed.has(address)) this.answers.delete(address);
    }
  }

  // Parts of views.

  tree(state) {
    const part = this.parts.tree || this.parts.view;
    part.unpacked ||= grownTree(part.tree, part.rows, state.inverted);
    return part.unpacked;
  }

  noZoom() {
    return "";
  }

  zoomWord(tree, node) {
    // A rest box has no frame to zoom into; its parent, seen closely, shows what is in it.
    const chosen = tree.frame[node] === REST ? tree.parent[node] : node;
    return chosen > 0 ? `${tree.sample[chosen]}.${tree.depth(chosen)}` : "";
  }

  zoomNode(state, tree) {
    return state.zoom ? tree.branch : 0;
  }

  sandwich() {
    const part = this.parts.sandwich;
    part.trees ||= { callers: grownTree(part.callers, part.rows, true), callees: grownTree(part.callees, part.rows, false), missing: 0 };
    const row = part.rows[part.node];
    part.trees.callers.frame[0] = row;
    part.trees.callees.frame[0] = row;
    return part.trees;
  }

  found() {
    return this.parts.search || { functions: 0, mass: 0 };
  }

  graph() {
    return { text: this.parts.graph.graph, note: "" };
  }

  sourceFrames() {
    const { flat } = this.model;
    const rows = [...flat.keys()].filter((row) => flat[row]);
    return rows.sort((a, b) => Math.abs(flat[b]) - Math.abs(flat[a]) || a - b);
  }

  sourceFrame(state, viewAddress) {
    if (state.frame >= 0) return state.frame;
    const view = viewAddress ? this.answers.get(viewAddress) : this.parts.view;
    if (!view) return -1;
    const { flat, id } = view.frames;
    const best = flat.reduce((most, value, i) => (Math.abs(value) > Math.abs(flat[most] ?? 0) ? i : most), -1);
    return best < 0 ? -1 : this.model.rowOf(id[best]);
  }

  source() {
    const { line, flat, cum, parts, bytecode, notes } = this.parts.source.source;
    const rows = new Map(line.map((number, i) => [number, [flat[i], cum[i]]]));
    return { rows, parts: parts.length ? parts : null, bytecode, notes };
  }
}

/** Ask the server for a part; a refusal becomes an error with its line. */
async function ask(address) {
  let response;
  try {
    response = await fetch(`/ui/data/${address}`, { credentials: "same-origin" });
  } catch {
    throw new Error("the server does not answer: whet prof --http has ended");
  }
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

/** Unpack a tree and add up `self`, `total` (net) and `mass` (absolute values, for widths). */
function grownTree(part, rows, isCallers) {
  const size = part.parent.length + 1;
  const parent = new Int32Array(size);
  parent[0] = ROOT;
  parent.set(undelta(part.parent), 1);
  const frame = new Int32Array(size);
  frame[0] = ROOT;
  part.frame.forEach((row, i) => (frame[i + 1] = row < 0 ? row : rows[row]));
  const folded = new Int32Array(size);
  let next = 0;
  for (let i = 1; i < size; i++) if (frame[i] === REST) folded[i] = part.folded[next++];
  const sample = new Int32Array(size);
  sample.set(part.sample, 1);
  const self = Float64Array.from(part.own);
  const total = Float64Array.from(self);
  const mass = Float64Array.from(part.mass.length ? part.mass : part.own);
  for (let i = size - 1; i > 0; i--) {
    total[parent[i]] += total[i];
    mass[parent[i]] += mass[i];
  }
  const depth = (node) => {
    let count = 0;
    for (let i = node; i > 0; i = parent[i]) count++;
    return count;
  };
  return { size, parent, frame, folded, sample, self, total, mass, depth, branch: part.branch, isCallers };
}
