// The biggest boxes: a table of functions with shares, their intervals and Amdahl bounds.

import { make } from "./dom.js";
import { formatBound, formatInterval, formatShare, formatValue } from "./format.js";
import { KIND_NAMES } from "./model.js";

const FIRST = 60;
const MORE = 300;
const COLUMNS = [
  { key: "name", label: "function", title: "name and place of the function" },
  { key: "flat", label: "flat", title: "in the function itself" },
  { key: "cum", label: "cum", title: "in the function and everything it calls" },
  { key: "bound", label: "if free", title: "how much faster at most, if the function took no time (Amdahl's bound of cum)" },
];

export class BoxesTable {
  /** options: model, palette, onSort(key), onSelect(frame), onPivot(frame), onHover(frame). */
  constructor(host, options) {
    Object.assign(this, options);
    this.host = host;
    this.limit = FIRST;
    this.chosen = -1;
  }

  /** Draw the rows that match, in the order of a column. */
  show(sort, matches) {
    const { model } = this;
    if (this.sort !== sort || this.matches !== matches) this.limit = FIRST;
    this.sort = sort;
    this.matches = matches;
    this.rows = this.sorted();
    const shown = this.rows.slice(0, this.limit);
    const flats = shown.map((frame) => this.high(model.flat[frame]));
    this.scale = { flat: niceScale(Math.max(0.01, ...flats)), cum: 1 };
    const body = make("tbody", {}, ...shown.map((frame, i) => this.row(frame, i)));
    const table = make("table", { class: "boxes" }, this.head(), body);
    this.host.replaceChildren(table, ...this.foot());
  }

  sorted() {
    const { model, sort, matches } = this;
    const rows = [];
    for (let i = 0; i < model.flat.length; i++) {
      if ((model.flat[i] || model.cum[i]) && (!matches || matches[i])) rows.push(i);
    }
    const size = (column, i) => Math.abs(column[i]);
    const byFlat = (a, b) => size(model.flat, b) - size(model.flat, a) || size(model.cum, b) - size(model.cum, a) || a - b;
    const byCum = (a, b) => size(model.cum, b) - size(model.cum, a) || size(model.flat, b) - size(model.flat, a) || a - b;
    const byName = (a, b) => (model.frames.name[a] < model.frames.name[b] ? -1 : 1);
    return rows.sort({ name: byName, flat: byFlat }[sort] || byCum);
  }

  head() {
    const cells = COLUMNS.map(({ key, label, title }) => {
      const active = key === this.sort;
      const order = active ? (key === "name" ? "ascending" : "descending") : "none";
      const button = make("button", { type: "button", title, onclick: () => this.onSort(key) }, label, active ? make("span", { "aria-hidden": true }, key === "name" ? " ↑" : " ↓") : null);
      return make("th", { scope: "col", class: `c-${key}`, "aria-sort": order }, button);
    });
    return make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "c-rank" }, make("span", { class: "quiet" }, "#")), ...cells));
  }

  row(frame, index) {
    const { model } = this;
    const [fill] = this.palette.frame(frame);
    const kind = KIND_NAMES[model.kind(frame)];
    const name = make("td", { class: "c-name" }, make("div", {},
      make("span", { class: "swatch", style: { background: fill }, title: `${model.packageName(frame)} · ${kind}` }),
      make("span", { class: "names" }, make("span", { class: "fn", title: model.frames.name[frame] }, model.frames.name[frame] || "(no name)"), make("span", { class: "place", title: model.place(frame) }, model.place(frame, true)))));
    const bound = model.bound(model.cum[frame]);
    const boundText = bound === null ? "–" : formatBound(bound);
    return make("tr", { tabindex: 0, "data-frame": frame, class: frame === this.chosen ? "chosen" : null, "aria-selected": frame === this.chosen ? "true" : "false",
      onclick: () => this.onSelect(frame), ondblclick: () => this.onPivot(frame), onmouseenter: () => this.onHover(frame), onmouseleave: () => this.onHover(-1), onkeydown: (event) => this.key(event, frame) },
      make("td", { class: "c-rank" }, String(index + 1)), name, this.amount("flat", model.flat[frame]), this.amount("cum", model.cum[frame]),
      make("td", { class: "c-bound", title: this.boundTitle(model.cum[frame]) }, boundText));
  }

  boundTitle(cum) {
    const bound = this.model.bound(cum);
    if (bound === null) return "no bound: time is not what was measured";
    const interval = this.model.interval(cum);
    const range = interval ? ` (95% interval ${interval.map((share) => formatBound(1 / (1 - share))).join("–")})` : "";
    return `at most ${formatBound(bound)} faster if this were free${range}`;
  }

  /** A value, its share, and the share as a bar with its interval as whiskers. */
  amount(column, value) {
    const { model } = this;
    const share = model.share(value);
    const interval = model.interval(value);
    const scale = this.scale[column];
    const at = (part) => `${Math.min(100, Math.max(0, (100 * part) / scale))}%`;
    const bar = make("span", { class: "bar", "aria-hidden": true }, make("i", { class: value < 0 ? "fill less" : "fill", style: { width: at(Math.abs(share)) } }));
    if (interval && value) bar.append(make("i", { class: "whisker", style: { left: at(interval[0]), width: `calc(${at(interval[1])} - ${at(interval[0])})` } }));
    const title = interval ? `95% interval ${formatInterval(interval)}` : model.noInterval();
    return make("td", { class: `c-${column} amount`, title },
      make("span", { class: "value" }, value ? formatValue(value, model.unit) : "·"), make("span", { class: "share" }, value ? formatShare(share) : ""), bar);
  }

  high(value) {
    const interval = this.model.interval(value);
    return interval ? interval[1] : Math.abs(this.model.share(value));
  }

  foot() {
    const left = this.rows.length - this.limit;
    const parts = [];
    if (left > 0) parts.push(make("button", { type: "button", class: "more", onclick: () => this.more() }, `show ${Math.min(MORE, left).toLocaleString("en-US")} more of ${left.toLocaleString("en-US")}`));
    if (!this.rows.length) parts.push(make("p", { class: "empty" }, this.matches ? "no function matches the search" : "there are no samples to show"));
    const hidden = this.model.hiddenFunctions;
    if (hidden > 0 && !this.matches && left <= 0) parts.push(make("p", { class: "quiet" }, `${hidden.toLocaleString("en-US")} more functions are ${this.model.hiddenBelow()}`));
    return parts;
  }

  more() {
    this.limit += MORE;
    this.show(this.sort, this.matches);
  }

  /** Mark a row without drawing the table anew. */
  choose(frame) {
    this.chosen = frame;
    for (const row of this.host.querySelectorAll("tbody tr")) {
      const same = Number(row.dataset.frame) === frame;
      row.classList.toggle("chosen", same);
      row.setAttribute("aria-selected", String(same));
    }
  }

  key(event, frame) {
    const row = event.currentTarget;
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (event.key === "Enter") this.onSelect(frame);
    else if (next) next.focus();
    else if (!event.key.startsWith("Arrow") || event.key === "ArrowLeft" || event.key === "ArrowRight") return;
    event.preventDefault();
  }
}

/** Return a round share at or above the largest one. */
function niceScale(share) {
  return [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1].find((step) => step >= share) || 1;
}
