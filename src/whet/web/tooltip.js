// What is known about one box or one function, as a small card that follows the pointer.

import { make } from "./dom.js";
import { formatBound, formatInterval, formatShare, formatValue } from "./format.js";
import { KIND_NAMES } from "./model.js";

export class Tooltip {
  constructor(element, model) {
    this.element = element;
    this.model = model;
  }

  hide() {
    this.element.hidden = true;
  }

  /** Show a node of a tree beside a point of the window. */
  showNode(tree, node, x, y) {
    const name = this.model.nodeName(tree, node);
    const frame = tree.frame[node];
    const rows = [this.amounts(tree.isCallers ? "through here" : "this path", tree.total[node])];
    if (tree.self[node] && !tree.isCallers) rows.push(this.amounts("of it itself", tree.self[node]));
    if (frame >= 0) rows.push(...this.functionRows(frame));
    this.place([make("strong", {}, name), ...this.lines(tree, node), make("dl", {}, ...rows.flat())], x, y);
  }

  /** Show what a sliver of frames too narrow to draw stands for. */
  showSliver(count, mass, x, y) {
    const { model } = this;
    const text = `${count.toLocaleString("en-US")} frames too narrow to draw, together ${formatShare(model.share(mass))}`;
    this.place([make("strong", {}, text), make("span", {}, "zoom in to see them")], x, y);
  }

  lines(tree, node) {
    const frame = tree.frame[node];
    if (frame === -1) return [make("span", {}, "the whole profile")];
    if (frame < 0) {
      const share = formatShare(this.model.facts.cutoffShare);
      return [make("span", {}, `each of them is below ${share} of the total`)];
    }
    const place = this.model.place(frame);
    const origin = `${this.model.packageName(frame)} · ${KIND_NAMES[this.model.kind(frame)]}`;
    return [place && make("span", { class: "place" }, place), make("span", {}, origin)].filter(Boolean);
  }

  functionRows(frame) {
    const { model } = this;
    const flat = model.flat[frame];
    const cum = model.cum[frame];
    const rows = [this.amounts("function flat", flat), this.amounts("function cum", cum)];
    const interval = model.interval(cum);
    if (interval) rows.push([make("dt", {}, "cum, 95% interval"), make("dd", {}, formatInterval(interval))]);
    const bound = model.bound(cum);
    if (bound < 1000 && bound !== null) rows.push([make("dt", {}, "if it were free"), make("dd", {}, `at most ${formatBound(bound)} faster`)]);
    return rows;
  }

  amounts(label, value) {
    const { model } = this;
    const text = `${formatValue(value, model.unit)}  ·  ${formatShare(model.share(value))}`;
    return [make("dt", {}, label), make("dd", {}, text)];
  }

  place(children, x, y) {
    const { element } = this;
    element.replaceChildren(...children);
    element.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = element;
    const left = x + 16 + width > innerWidth ? Math.max(8, x - width - 12) : x + 16;
    const top = y + 18 + height > innerHeight ? Math.max(8, y - height - 12) : y + 18;
    element.style.transform = `translate(${left}px, ${top}px)`;
  }
}
