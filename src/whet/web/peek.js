// Peek: the callers and the callees of the functions that match an expression.

import { make } from "./dom.js";
import { formatShare, formatValue } from "./format.js";

export class PeekView {
  /** options: model, palette, onPeek(expression), onSelect(frame). */
  constructor(host, options) {
    Object.assign(this, options);
    this.host = host;
    this.input = make("input", { type: "search", id: "peek-text", placeholder: "Regular expression", "aria-label": "functions to peek at", autocomplete: "off", spellcheck: "false" });
    this.input.addEventListener("change", () => this.onPeek(this.input.value));
    this.results = make("div", { class: "peeked" });
    host.replaceChildren(make("p", { class: "peek-bar" }, make("label", { for: "peek-text" }, "Functions matching "), this.input), this.results);
  }

  /** Show an answer of the server; `part` is undefined where nothing was asked. */
  show(expression, part) {
    if (document.activeElement !== this.input) this.input.value = expression;
    if (!part) {
      this.results.replaceChildren(make("p", { class: "empty" }, "type an expression, or choose Peek at a function"));
      return;
    }
    const cards = part.peeked.map((found) => this.card(part.rows, found));
    const left = part.matching - part.peeked.length;
    if (left > 0) cards.push(make("p", { class: "quiet" }, `${left.toLocaleString("en-US")} more functions match; these are the largest`));
    if (!cards.length) cards.push(make("p", { class: "empty" }, `no function matches ${expression}`));
    this.results.replaceChildren(...cards);
  }

  card(rows, { frame, callers, callees }) {
    const { model } = this;
    const row = rows[frame];
    const cum = model.cum[row];
    const lines = [
      ...callers.map(([other, value]) => this.line(rows[other], value, cum, "caller")),
      this.line(row, cum, cum, "itself"),
      ...callees.map(([other, value]) => this.line(rows[other], value, cum, "callee")),
    ];
    return make("table", { class: "peek" }, make("caption", {}, make("strong", {}, model.frames.name[row]), make("span", { class: "quiet" }, ` flat ${formatValue(model.flat[row], model.unit)} (${formatShare(model.share(model.flat[row]))}), cum ${formatValue(cum, model.unit)} (${formatShare(model.share(cum))})`)), make("tbody", {}, ...lines));
  }

  line(row, value, cum, kind) {
    const { model } = this;
    const place = model.place(row);
    return make("tr", { class: kind, "data-name": model.frames.name[row] }, make("td", { class: "number" }, formatValue(value, model.unit)), make("td", { class: "number" }, cum ? formatShare(value / cum) : ""),
      make("td", {}, make("span", { class: "kind" }, kind), make("button", { type: "button", class: "fn", title: place, onclick: () => this.onSelect(row) }, model.frames.name[row])));
  }
}
