// The data of an offline report: all of it is inside the page.
//
// A data source tells what state an address means, has the data that a state needs, and gives the
// views their parts. Here nothing has ever to be waited for. The state is the text after "#".

import { byId } from "./dom.js";
import { matchedMass } from "./layout.js";
import { Model } from "./model.js";

const EMBEDDED_VIEWS = [["overview", "Overview"], ["flame", "Flame graph"], ["boxes", "Biggest boxes"], ["source", "Source"], ["graph", "Graph"], ["overtime", "Over time"], ["about", "About"]];

/** Return the profile that the address names, the first one if it names none. */
export function chosenProfile(names) {
  const name = new URLSearchParams(location.hash.slice(1)).get("profile");
  return names.includes(name) ? name : names[0];
}

export class EmbeddedData {
  /** `payload` is the data of the profile `name`, one of `names`. */
  constructor(payload, name, names) {
    this.payload = payload;
    this.name = name;
    this.names = names;
    this.model = new Model(payload);
    this.views = EMBEDDED_VIEWS.filter(([key]) => key !== "overtime" || byId("overtime").hasChildNodes());
    this.isServed = false;
    this.shown = "";
    if (!location.hash && payload.state) history.replaceState(null, "", `#${payload.state}`);
  }

  /** Return [{name, values, absent, hidden}], the labels to choose by. */
  choices() {
    return this.model.keys.map((key, i) => {
      const present = new Set(this.model.groups.map((group) => group[i]));
      return { name: key.name, values: key.values, absent: present.has(0), hidden: present.size < 2 };
    });
  }

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
      view: this.views.some(([key]) => key === words.get("view")) ? words.get("view") : "overview",
      type: Math.max(0, number("type", this.payload.defaultType, model.types.length)),
      labels: model.keys.map((key, i) => (labels[i] >= 0 && labels[i] < key.values.length && words.has("labels") ? labels[i] : -1)),
      inverted,
      zoom: Math.max(0, number("zoom", 0, tree.size)),
      frame: number("frame", -1, model.frames.name.length),
      sandwich: number("sandwich", -1, model.frames.name.length),
      sort: ["flat", "cum", "bound", "name"].includes(words.get("sort")) ? words.get("sort") : "flat",
      search: words.get("search") || "",
      filters: {},
    };
  }

  writeState(state, push) {
    const words = new URLSearchParams();
    const put = (name, value, usual) => value !== usual && words.set(name, value);
    put("profile", this.name, this.names[0]);
    put("view", state.view, "overview");
    put("type", state.type, this.payload.defaultType);
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

  /** Is the address that of another profile of this page? */
  isElsewhere() {
    return chosenProfile(this.names) !== this.name;
  }

  /** Return a promise of what a state needs and is not there, or null. */
  load() {
    return null;
  }

  /** Make the model that of a state; tell whether its sums have changed. */
  show(state) {
    const wanted = `${state.type} ${state.labels}`;
    if (wanted === this.shown) return false;
    this.shown = wanted;
    this.model.choose(state.type, state.labels);
    return true;
  }

  tree(state) {
    return state.inverted ? this.model.callers : this.model.callees;
  }

  noZoom() {
    return 0;
  }

  /** Return how the state names a node. */
  zoomWord(tree, node) {
    return node;
  }

  /** Return the node that a state is zoomed into. */
  zoomNode(state) {
    return state.zoom;
  }

  /** Return {callers, callees, missing} of a function; `missing` is inside rest frames. */
  sandwich(frame) {
    const { callers, callees } = this.model.sandwich(frame);
    return { callers, callees, missing: this.model.cum[frame] - callees.total[0] };
  }

  /** Return {functions, mass} of what a search found. */
  found(state, tree, matches) {
    return { functions: matches.reduce((count, hit) => count + hit, 0), mass: matchedMass(tree, matches) };
  }

  /** Return {text, note}: the picture of the call graph. */
  graph(state) {
    const drawn = this.payload.defaultType;
    const other = state.type !== drawn || state.labels.some((value) => value >= 0);
    return { text: this.payload.graph, note: other ? `the graph shows all samples by ${this.model.types[drawn][0]}` : "" };
  }

  /** Return frames that have source lines, heaviest first. */
  sourceFrames() {
    const { model } = this;
    const { frame } = this.payload.lines;
    const found = new Set(frame.filter((_, i) => model.lineCum[i] || model.lineFlat[i]));
    return [...found].sort((a, b) => Math.abs(model.flat[b]) - Math.abs(model.flat[a]) || a - b);
  }

  /** Return the frame whose source a state shows, -1 for none. */
  sourceFrame(state) {
    if (state.frame >= 0) return state.frame;
    const order = this.sourceFrames();
    return order.find((candidate) => candidate in this.payload.sources) ?? order[0] ?? -1;
  }

  /** Return {rows: Map of line -> [flat, cum], parts, bytecode, notes} of a function. */
  source(frame) {
    const { model } = this;
    const rows = new Map();
    this.payload.lines.frame.forEach((owner, i) => {
      if (owner === frame && (model.lineCum[i] || model.lineFlat[i])) rows.set(this.payload.lines.line[i], [model.lineFlat[i], model.lineCum[i]]);
    });
    const parts = this.payload.sources[frame] || null;
    const notes = parts ? [] : ["the source is not in this report: the file could not be read when it was made, or the function is too small"];
    const code = (this.payload.bytecode || {})[frame] || { lines: {}, note: "" };
    if (code.note) notes.push(code.note);
    return { rows, parts, bytecode: code.lines, notes };
  }
}
