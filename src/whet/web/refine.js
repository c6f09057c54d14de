// The options of reports in the web UI: a dialog to set them, and a chip for each one that is set.

import { make } from "./dom.js";

const FIELDS = [
  ["f", "Focus", "keep samples with a frame matching"],
  ["i", "Ignore", "drop samples with a frame matching"],
  ["h", "Hide", "drop frames matching"],
  ["s", "Show", "keep only frames matching"],
  ["sf", "Show from", "drop the callers of the outermost frame matching"],
  ["prunefrom", "Prune from", "drop what the innermost frame matching calls"],
  ["tf", "Tag focus", "keep samples with labels matching: REGEX, KEY=REGEX or a range"],
  ["ti", "Tag ignore", "drop samples with labels matching"],
];
const GRANULARITIES = [["", "functions"], ["files", "files"], ["lines", "lines"], ["addresses", "addresses"]];
const SWITCHES = [["noinlines", "count inlined calls as their caller"], ["rel", "percentages of what is left"], ["calltree", "call tree in graphs"]];
const SWITCH_TEXTS = Object.fromEntries(SWITCHES);

export class Refine {
  /** options: keys (label keys), onApply(filters). */
  constructor(dialog, chips, options) {
    Object.assign(this, options);
    this.dialog = dialog;
    this.chips = chips;
    this.inputs = new Map();
    dialog.replaceChildren(this.form());
  }

  form() {
    const text = FIELDS.map(([word, label, help]) => this.field(word, label, help, make("input", { type: "text", name: word, id: `refine-${word}`, autocomplete: "off", spellcheck: "false" })));
    const granularity = make("select", { name: "g", id: "refine-g" }, ...GRANULARITIES.map(([value, label]) => make("option", { value }, label)));
    const group = make("select", { name: "tagroot", id: "refine-tagroot" }, make("option", { value: "" }, "nothing"), ...this.keys.map((key) => make("option", { value: key }, key)));
    const switches = SWITCHES.map(([word, label]) => {
      const box = make("input", { type: "checkbox", name: word, id: `refine-${word}` });
      this.inputs.set(word, box);
      return make("label", { class: "switch" }, box, ` ${label}`);
    });
    const apply = (event) => {
      event.preventDefault();
      this.dialog.close();
      this.onApply(this.values());
    };
    return make("form", { method: "dialog", onsubmit: apply }, make("h2", {}, "Refine"), make("p", { class: "quiet" }, "regular expressions match function and file names, anywhere in them"),
      make("div", { class: "fields" }, ...text, this.field("g", "Granularity", "what a box stands for", granularity), this.field("tagroot", "Group by", "values of a label as the outermost frames", group)), make("div", { class: "switches" }, ...switches),
      make("p", { class: "buttons" }, make("button", { type: "button", onclick: () => this.clear() }, "Clear"), make("button", { type: "button", onclick: () => this.dialog.close() }, "Cancel"), make("button", { type: "submit", class: "primary" }, "Apply")));
  }

  field(word, label, help, input) {
    this.inputs.set(word, input);
    return make("label", { for: `refine-${word}` }, make("span", {}, label), input, make("small", { class: "quiet" }, help));
  }

  open(filters) {
    for (const [word, input] of this.inputs) {
      if (input.type === "checkbox") input.checked = isOn(filters[word]);
      else input.value = filters[word] || "";
    }
    this.others = Object.fromEntries(Object.entries(filters).filter(([word]) => !this.inputs.has(word)));
    this.dialog.showModal();
  }

  clear() {
    for (const input of this.inputs.values()) {
      input.value = "";
      input.checked = false;
    }
    this.others = {};
  }

  values() {
    const filters = { ...this.others };
    for (const [word, input] of this.inputs) {
      const value = input.type === "checkbox" ? (input.checked ? "1" : "") : input.value;
      if (value) filters[word] = value;
    }
    return filters;
  }

  /** Draw a chip for each option that is set. */
  showChips(filters, extra) {
    const chips = Object.entries(filters).map(([word, value]) => this.chip(this.describe(word, value), () => {
      const rest = { ...filters };
      delete rest[word];
      this.onApply(rest);
    }));
    chips.push(...extra.map(([text, remove]) => this.chip(text, remove)));
    this.chips.replaceChildren(...chips);
    this.chips.hidden = !chips.length;
  }

  chip(text, remove) {
    return make("span", { class: "chip" }, text, make("button", { type: "button", "aria-label": `remove ${text}`, onclick: remove }, "×"));
  }

  describe(word, value) {
    const field = FIELDS.find(([name]) => name === word);
    if (field) return `${field[1].toLowerCase()} ${value}`;
    if (word === "g") return `by ${value}`;
    if (word === "tagroot") return `grouped by ${value}`;
    return SWITCH_TEXTS[word] || `${word} ${value}`;
  }
}

function isOn(value) {
  return Boolean(value) && !/^(f|false|0|n|no)$/i.test(value);
}

/** Return an expression that matches exactly this name. */
export function exactly(name) {
  return `^${name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`;
}
