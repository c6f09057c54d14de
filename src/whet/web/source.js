// Source lines of a function with flat and cum for each line.

import { make } from "./dom.js";
import { formatShare, formatValue } from "./format.js";

const WORDS = new Set("and as assert async await break case class continue def del elif else except finally for from func global go if import in is lambda match nonlocal not or pass raise range return select struct switch try type var while with yield None True False nil".split(" "));
const TOKEN = /(#.*|\/\/ .*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(\b\d[\w.]*\b)|([A-Za-z_]\w*)/g;
const LISTED = 400;

export class SourceView {
  /** options: data, model, palette, onChoose(frame). */
  constructor(host, options) {
    Object.assign(this, options);
    this.host = host;
    this.shown = -1;
    this.withCode = true;
  }

  /** Show the function that a state names, or the heaviest one that has lines. */
  show(state) {
    const order = this.data.sourceFrames();
    const chosen = this.data.sourceFrame(state);
    if (chosen < 0) {
      this.host.replaceChildren(make("p", { class: "empty" }, "this profile has no line numbers"));
      return;
    }
    const scrolled = this.shown === chosen ? this.host.querySelector(".code")?.scrollTop || 0 : 0;
    this.shown = chosen;
    this.host.replaceChildren(this.list(order, chosen), this.listing(chosen, this.data.source(chosen)));
    this.host.querySelector(".code").scrollTop = scrolled;
    const current = this.host.querySelector("[aria-current]");
    if (current) current.scrollIntoView({ block: "nearest" });
  }

  list(order, chosen) {
    const { model } = this;
    const items = order.slice(0, LISTED).map((frame) => make("button", { type: "button", class: "item", "aria-current": frame === chosen ? "true" : null, title: model.place(frame), onclick: () => this.onChoose(frame) },
      make("span", { class: "fn" }, model.frames.name[frame]), make("span", { class: "share" }, formatShare(model.share(model.flat[frame])))));
    return make("nav", { class: "functions", "aria-label": "functions with line numbers, by flat" }, ...items);
  }

  listing(frame, source) {
    const { model } = this;
    const head = make("header", {}, make("h2", {}, model.frames.name[frame]), make("p", { class: "place" }, model.place(frame)),
      make("p", {}, `flat ${formatValue(model.flat[frame], model.unit)} (${formatShare(model.share(model.flat[frame]))}), cum ${formatValue(model.cum[frame], model.unit)} (${formatShare(model.share(model.cum[frame]))})`));
    const hasCode = Object.keys(source.bytecode).length > 0;
    if (hasCode) head.append(make("button", { type: "button", class: "small", "aria-pressed": String(this.withCode), onclick: () => this.toggleCode() }, "instructions (b)"));
    const shown = hasCode && this.withCode ? source.bytecode : {};
    const body = source.parts ? this.withText(source, shown) : this.withoutText(source);
    const table = make("table", { class: "lines" }, make("thead", {}, make("tr", {}, ...["flat", "cum", "line", ""].map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...body));
    const notes = source.notes.map((note) => make("p", { class: "quiet" }, note));
    return make("article", {}, head, ...notes, make("div", { class: "code", tabindex: 0, role: "region", "aria-label": "source lines" }, table));
  }

  /** Show or hide the bytecode or machine code under each line. */
  toggleCode() {
    this.withCode = !this.withCode;
    this.onChoose(this.shown);
  }

  withText(source, bytecode) {
    const most = this.most(source.rows);
    const body = [];
    source.parts.forEach(([first, lines], part) => {
      if (part) body.push(make("tr", { class: "gap" }, make("td", { colspan: 4 }, "⋯")));
      const tint = new Tinter();
      lines.forEach((text, i) => {
        body.push(this.line(first + i, source.rows.get(first + i), tint.spans(text), most));
        for (const [offset, name, argument] of bytecode[first + i] || []) body.push(make("tr", { class: "instruction" }, make("td", { colspan: 2 }), make("td", { class: "line" }, String(offset)), make("td", { class: "text" }, make("code", {}, make("b", {}, name), argument ? ` ${argument}` : ""))));
      });
    });
    return body;
  }

  withoutText({ rows }) {
    const most = this.most(rows);
    return [...rows.keys()].sort((a, b) => a - b).map((number) => this.line(number, rows.get(number), [], most));
  }

  most(rows) {
    return Math.max(1, ...[...rows.values()].map(([, cum]) => Math.abs(cum)));
  }

  line(number, sums, spans, most) {
    const { model } = this;
    const [flat, cum] = sums || [0, 0];
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
