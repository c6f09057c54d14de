// Source lines of a function with flat and cum for each line.

import { make } from "./dom.js";
import { formatShare, formatValue } from "./format.js";

const WORDS = new Set("and as assert async await break case class continue def del elif else except finally for from func global go if import in is lambda match nonlocal not or pass raise range return select struct switch try type var while with yield None True False nil".split(" "));
const TOKEN = /(#.*|\/\/ .*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(\b\d[\w.]*\b)|([A-Za-z_]\w*)/g;
const LISTED = 400;

export class SourceView {
  /** options: model, palette, onChoose(frame). */
  constructor(host, options) {
    Object.assign(this, options);
    this.host = host;
  }

  /** Show a function, or the heaviest one that has lines. */
  show(frame) {
    const lines = this.linesByFrame();
    const order = [...lines.keys()].sort((a, b) => Math.abs(this.model.flat[b]) - Math.abs(this.model.flat[a]) || a - b);
    if (!order.length) {
      this.host.replaceChildren(make("p", { class: "empty" }, "this profile has no line numbers"));
      return;
    }
    const chosen = frame >= 0 ? frame : order.find((candidate) => candidate in this.model.payload.sources) ?? order[0];
    this.host.replaceChildren(this.list(order, chosen), this.listing(chosen, lines.get(chosen) || new Map()));
    const current = this.host.querySelector("[aria-current]");
    if (current) current.scrollIntoView({ block: "nearest" });
  }

  /** Return frame -> (line number -> row of the line table). */
  linesByFrame() {
    const { frame, line } = this.model.payload.lines;
    const found = new Map();
    for (let i = 0; i < frame.length; i++) {
      if (!this.model.lineCum[i] && !this.model.lineFlat[i]) continue;
      if (!found.has(frame[i])) found.set(frame[i], new Map());
      found.get(frame[i]).set(line[i], i);
    }
    return found;
  }

  list(order, chosen) {
    const { model } = this;
    const items = order.slice(0, LISTED).map((frame) => make("button", { type: "button", class: "item", "aria-current": frame === chosen ? "true" : null, title: model.place(frame), onclick: () => this.onChoose(frame) },
      make("span", { class: "fn" }, model.frames.name[frame]), make("span", { class: "share" }, formatShare(model.share(model.flat[frame])))));
    return make("nav", { class: "functions", "aria-label": "functions with line numbers, by flat" }, ...items);
  }

  listing(frame, rows) {
    const { model } = this;
    const head = make("header", {}, make("h2", {}, model.frames.name[frame]), make("p", { class: "place" }, model.place(frame)),
      make("p", {}, `flat ${formatValue(model.flat[frame], model.unit)} (${formatShare(model.share(model.flat[frame]))}), cum ${formatValue(model.cum[frame], model.unit)} (${formatShare(model.share(model.cum[frame]))})`));
    const parts = model.payload.sources[frame];
    const body = parts ? this.withText(parts, rows) : this.withoutText(rows);
    const table = make("table", { class: "lines" }, make("thead", {}, make("tr", {}, ...["flat", "cum", "line", ""].map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...body));
    const note = parts ? null : make("p", { class: "quiet" }, "the source is not in this report: the file could not be read when it was made, or the function is too small");
    return make("article", {}, head, note, make("div", { class: "code", tabindex: 0, role: "region", "aria-label": "source lines" }, table));
  }

  withText(parts, rows) {
    const most = Math.max(1, ...[...rows.values()].map((row) => Math.abs(this.model.lineCum[row])));
    const body = [];
    parts.forEach(([first, lines], part) => {
      if (part) body.push(make("tr", { class: "gap" }, make("td", { colspan: 4 }, "⋯")));
      const tint = new Tinter();
      lines.forEach((text, i) => body.push(this.line(first + i, rows.get(first + i), tint.spans(text), most)));
    });
    return body;
  }

  withoutText(rows) {
    const most = Math.max(1, ...[...rows.values()].map((row) => Math.abs(this.model.lineCum[row])));
    return [...rows.keys()].sort((a, b) => a - b).map((number) => this.line(number, rows.get(number), [], most));
  }

  line(number, row, spans, most) {
    const { model } = this;
    const flat = row === undefined ? 0 : model.lineFlat[row];
    const cum = row === undefined ? 0 : model.lineCum[row];
    const heat = Math.abs(cum) / most;
    const cell = (value) => make("td", { class: "number", title: value ? formatShare(model.share(value)) : null }, value ? formatValue(value, model.unit) : "");
    return make("tr", { class: cum ? "hit" : null, style: { "--heat": `${(heat * 100).toFixed(1)}%` } }, cell(flat), cell(cum), make("td", { class: "line" }, String(number)), make("td", { class: "text" }, make("code", {}, ...spans)));
  }
}

/** Tints comments, strings, numbers and keywords; follows triple-quoted strings over lines. */
class Tinter {
  constructor() {
    this.open = "";
  }

  spans(text) {
    const parts = [];
    let rest = text;
    while (rest) {
      if (this.open) {
        const end = rest.indexOf(this.open);
        const cut = end < 0 ? rest.length : end + 3;
        parts.push(make("span", { class: "t-string" }, rest.slice(0, cut)));
        if (end >= 0) this.open = "";
        rest = rest.slice(cut);
        continue;
      }
      const triple = /"""|'''/.exec(rest);
      const comment = rest.indexOf("#");
      const opens = triple && (comment < 0 || comment > triple.index);
      const plain = opens ? rest.slice(0, triple.index) : rest;
      this.tint(plain, parts);
      if (opens) {
        this.open = triple[0];
        parts.push(make("span", { class: "t-string" }, triple[0]));
      }
      rest = opens ? rest.slice(triple.index + 3) : "";
    }
    return parts;
  }

  tint(text, parts) {
    let last = 0;
    for (const found of text.matchAll(TOKEN)) {
      const kind = found[1] ? "t-comment" : found[2] ? "t-string" : found[3] ? "t-number" : WORDS.has(found[4]) ? "t-word" : "";
      if (!kind) continue;
      parts.push(text.slice(last, found.index), make("span", { class: kind }, found[0]));
      last = found.index + found[0].length;
    }
    parts.push(text.slice(last));
  }
}
