// The profile in the browser: names, shares and their uncertainty, wherever the sums come from.
//
// `Model` is that of an offline report: every sum comes from rows split by label set, so a choice
// is one pass over the rows. In every tree a node's total is its own value plus its children's
// totals, in integers.

import { formatShare } from "./format.js";
import { unpackRows, unpackTree } from "./payload.js";
import { sandwichTrees } from "./sandwich.js";
import { amdahlBound, wilsonInterval } from "./statistics.js";

export const OWN = 0;
export const LIBRARY = 1;
export const STANDARD = 2;
export const NATIVE = 3;
export const KIND_NAMES = ["own code", "library", "standard library", "native code"];

/** What every view needs: `types`, `type`, `frames`, `total`, `isDiff`, `effective`, `noInterval()`. */
export class Measures {
  get unit() {
    return this.types.length ? this.types[this.type][1] : "count";
  }

  get typeName() {
    return this.types.length ? this.types[this.type][0] : "nothing";
  }

  share(value) {
    return this.total ? value / this.total : 0;
  }

  /** Return the 95 % interval of a value's share, or null. */
  interval(value) {
    if (this.noInterval() || !this.total) return null;
    return wilsonInterval(this.share(value), this.effective);
  }

  /** Return the Amdahl bound of a value, or null where time is not what is measured. */
  bound(value) {
    // Waits of several threads pass at the same time: without one of them nothing may be gained.
    const isTime = (/seconds$/.test(this.unit) && this.typeName !== "delay") || this.type === this.countType;
    return isTime && !this.isDiff ? amdahlBound(this.share(value)) : null;
  }

  file(frame) {
    return this.frames.files[this.frames.file[frame]];
  }

  /** Return "file:line" of a frame, as short as `short` asks for. */
  place(frame, short = false) {
    const file = this.file(frame);
    if (!file) return "";
    const name = short ? file.split("/").slice(-2).join("/") : file;
    return this.frames.line[frame] > 0 ? `${name}:${this.frames.line[frame]}` : name;
  }

  kind(frame) {
    return this.frames.origins[this.frames.file[frame]][0];
  }

  packageName(frame) {
    return this.frames.origins[this.frames.file[frame]][1];
  }

  /** Name a node of a tree. */
  nodeName(tree, node) {
    const frame = tree.frame[node];
    if (frame >= 0) return this.frames.name[frame] || "(no name)";
    if (frame === -1) return "all";
    const count = tree.folded[node];
    return `(rest: ${formatFrames(count)})`;
  }

  /** Return for each frame whether its name or place contains the words; null without words. */
  match(words) {
    const text = words.trim();
    if (!text) return null;
    const test = matcher(text);
    const file = this.frames.files.map((name) => test(name));
    return Uint8Array.from(this.frames.name, (name, i) => (test(name) || file[this.frames.file[i]] ? 1 : 0));
  }
}

export class Model extends Measures {
  constructor(payload) {
    super();
    this.payload = payload;
    this.title = payload.title;
    this.facts = payload.facts;
    this.labels = payload.labels;
    this.types = payload.types;
    this.type = payload.defaultType;
    this.frames = payload.frames;
    this.keys = payload.labels.keys;
    this.groups = payload.labels.groups;
    this.chosen = this.keys.map(() => -1);
    this.callees = unpackTree(payload.callees);
    this.callers = unpackTree(payload.callers);
    this.functionRows = unpackRows(payload.functions);
    this.lineRows = unpackRows(payload.lines.rows);
    this.countType = this.types.findIndex(([type, unit]) => type === "samples" && unit === "count");
    this.callers.isCallers = true;
    this.recompute();
  }

  get hiddenFunctions() {
    return this.payload.hiddenFunctions;
  }

  /** Say why functions are hidden. */
  hiddenBelow() {
    return `below ${formatShare(this.facts.cutoffShare)} each`;
  }

  /** The sum of a sample type over the chosen labels. */
  typeTotal(index) {
    return this.sum(this.callees.own, index);
  }

  /** Choose a sample type and label values (-1 = all; one number a key), and add up anew. */
  choose(type, chosen) {
    this.type = type;
    this.chosen = chosen;
    this.recompute();
  }

  recompute() {
    const width = this.types.length;
    this.allowed = this.groups.map((group) => this.chosen.every((value, key) => value < 0 || group[key] === value));
    this.addUp(this.callees);
    this.addUp(this.callers);
    this.isDiff = this.callees.own.values.some((column) => column.some((value) => value < 0));
    this.total = this.isDiff ? this.callees.mass[0] : this.callees.total[0];
    this.net = this.callees.total[0];
    this.samples = this.countType < 0 ? 0 : this.sum(this.callees.own, this.countType);
    this.flat = this.column(this.functionRows, this.type, this.frames.name.length);
    this.cum = this.column(this.functionRows, width + this.type, this.frames.name.length);
    const lines = this.payload.lines.line.length;
    this.lineFlat = this.column(this.lineRows, this.type, lines);
    this.lineCum = this.column(this.lineRows, width + this.type, lines);
  }

  /** Return the trees around a function. */
  sandwich(frame) {
    return sandwichTrees(this.callees, frame);
  }

  /** Put `self`, `total` (net) and `mass` (sum of absolute values, for widths) on a tree. */
  addUp(tree) {
    const { size, parent, own } = tree;
    const self = this.column(own, this.type, size);
    const total = Float64Array.from(self);
    const mass = new Float64Array(size);
    const values = own.values[this.type];
    for (let i = 0; i < own.row.length; i++) {
      if (this.allowed[own.group[i]]) mass[own.row[i]] += Math.abs(values[i]);
    }
    for (let i = size - 1; i > 0; i--) {
      total[parent[i]] += total[i];
      mass[parent[i]] += mass[i];
    }
    Object.assign(tree, { self, total, mass });
  }

  column(rows, index, size) {
    const sums = new Float64Array(size);
    const values = rows.values[index];
    if (!values) return sums;
    for (let i = 0; i < rows.row.length; i++) {
      if (this.allowed[rows.group[i]]) sums[rows.row[i]] += values[i];
    }
    return sums;
  }

  sum(rows, index) {
    let sum = 0;
    for (let i = 0; i < rows.row.length; i++) if (this.allowed[rows.group[i]]) sum += rows.values[index][i];
    return sum;
  }

  /** How many equal, independent samples the chosen ones are worth. */
  get effective() {
    return this.samples * this.payload.intervals[this.type].worth;
  }

  /** Return why this sample type has no intervals, or "" if it has. */
  noInterval() {
    return this.types.length ? this.payload.intervals[this.type].reason : "no samples, so no intervals";
  }
}

/** Return a test for text: /…/ is a regular expression, anything else is looked for as it is. */
function matcher(text) {
  if (text.length > 2 && text.startsWith("/") && text.endsWith("/")) {
    try {
      const pattern = new RegExp(text.slice(1, -1), "i");
      return (name) => pattern.test(name);
    } catch {
      return () => false;
    }
  }
  const lower = text.toLowerCase();
  return (name) => name.toLowerCase().includes(lower);
}

function formatFrames(count) {
  return count === 1 ? "1 frame" : `${count.toLocaleString("en-US")} frames`;
}
