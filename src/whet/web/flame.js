// A flame graph on a canvas: draws only what is on the screen, whatever the size of the tree.
//
// The view is a range [from, to] of the tree's mass; zooming moves the range. A child narrower
// than MIN_WIDTH is drawn together with all its smaller siblings as one hatched sliver, so no
// mass disappears from the picture.

import { layOut, pathTo } from "./layout.js";
import { OWN } from "./model.js";
import { REST } from "./payload.js";

const ROW = 21;
const MIN_WIDTH = 1.5;
const TEXT_WIDTH = 28;
const BOLD = "600 ";
const FONT = "12px Inter, 'Segoe UI', 'SF Pro Text', system-ui, 'Liberation Sans', sans-serif";
const ZOOM_MS = 180;

export class FlameView {
  /**
   * options: palette, model, flip (grow upwards), skipRoot, label,
   * onHover(view, hit, event), onSelect(view, node), onZoom(view, node), onPivot(view, node).
   */
  constructor(host, options) {
    Object.assign(this, options);
    this.host = host;
    this.canvas = document.createElement("canvas");
    this.spacer = document.createElement("div");
    host.append(this.canvas, this.spacer);
    host.tabIndex = 0;
    this.context = this.canvas.getContext("2d");
    this.plainWidths = new Map();
    this.boldWidths = new Map();
    this.matches = null;
    this.marked = -1;
    this.listen();
    new ResizeObserver(() => this.resize()).observe(host);
  }

  /** Show a tree from its root, or where the last one was looked at. */
  show(tree, { stay = false } = {}) {
    const range = stay && this.tree ? this.range : [0, tree.mass[0]];
    this.tree = tree;
    this.layout = layOut(tree);
    this.goal = null; // ends a zoom that is under way in the old tree
    this.node = 0;
    this.selected = -1;
    this.hovered = null;
    this.range = range;
    this.resize();
    this.redraw();
    if (!stay) this.host.scrollTop = this.flip ? this.host.scrollHeight : 0;
  }

  get rows() {
    return this.layout ? this.layout.deepest + (this.skipRoot ? 0 : 1) : 1;
  }

  get height() {
    return Math.max(1, this.rows) * ROW;
  }

  /** The height that shows everything but hairlines. */
  get usefulHeight() {
    return (this.layout.worthSeeing + 1) * ROW;
  }

  /** Fit the canvas to its place; a canvas of a new size is empty and is drawn at once. */
  resize() {
    const width = this.host.clientWidth;
    const height = this.host.clientHeight;
    if (!width || !height || !this.tree) return;
    const ratio = devicePixelRatio || 1;
    const spacer = `${Math.max(0, this.height - height)}px`;
    if (this.spacer.style.height !== spacer) this.spacer.style.height = spacer;
    if (width === this.width && height === this.viewHeight && ratio === this.ratio) return;
    Object.assign(this, { width, viewHeight: height, ratio, font: "" });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  /** Ask for a new picture at the next frame. */
  redraw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => this.draw());
  }

  /** Return the y of a row's upper edge inside the content. */
  top(row) {
    const place = this.skipRoot ? row - 1 : row;
    return this.flip ? Math.max(this.height, this.viewHeight) - (place + 1) * ROW : place * ROW;
  }

  draw() {
    cancelAnimationFrame(this.pending);
    this.pending = 0;
    if (!this.width || !this.tree || !this.host.clientWidth) return; // what is hidden is drawn when it is shown
    const { context, tree, layout, host } = this;
    const scroll = host.scrollTop;
    context.clearRect(0, 0, this.width, this.viewHeight);
    this.setFont(FONT);
    context.textBaseline = "middle";
    const [from, to] = this.range;
    if (!(to > from)) return;
    const scale = this.width / (to - from);
    const stack = [0];
    while (stack.length) {
      const node = stack.pop();
      const y = this.top(layout.depth[node]) - scroll;
      const visible = y > -ROW && y < this.viewHeight;
      if (visible && !(this.skipRoot && node === 0)) this.drawBox(node, y, (layout.start[node] - from) * scale, tree.mass[node] * scale);
      if (this.flip ? y < -ROW : y > this.viewHeight) continue;
      this.drawChildren(node, stack, scale, scroll);
    }
    this.drawOutlines(scale, scroll);
  }

  /** Put the drawable children of a node on the stack and draw the rest as a sliver. */
  drawChildren(node, stack, scale, scroll) {
    const { tree, layout } = this;
    const [from, to] = this.range;
    const end = layout.first[node] + layout.count[node];
    for (let i = layout.first[node]; i < end; i++) {
      const child = layout.sorted[i];
      const start = layout.start[child];
      const mass = tree.mass[child];
      if (start >= to) break;
      if (mass * scale < MIN_WIDTH) {
        const rest = this.restIndex(node);
        if (i < rest && rest < end) stack.push(layout.sorted[rest]);
        const last = layout.sorted[Math.max(i + 1, rest) - 1];
        const stop = layout.start[last] + tree.mass[last];
        const x = Math.max(0, (start - from) * scale);
        const width = Math.min(this.width, (stop - from) * scale) - x;
        if (width > 0.4) this.drawSliver(x, this.top(layout.depth[child]) - scroll, width);
        break;
      }
      if (start + mass > from) stack.push(child);
    }
  }

  /** Return where a node's rest box is among its children, or the end of them. */
  restIndex(node) {
    const { tree, layout } = this;
    const end = layout.first[node] + layout.count[node];
    return layout.count[node] && tree.frame[layout.sorted[end - 1]] === REST ? end - 1 : end;
  }

  drawBox(node, y, left, width) {
    const { context, tree } = this;
    const x = Math.max(0, left);
    const right = Math.min(this.width, left + width);
    const shown = right - x;
    if (shown <= 0) return;
    const [fill, ink] = this.colors(node);
    context.fillStyle = fill;
    const gap = shown > 3 ? 1 : 0;
    if (shown > 6) {
      context.beginPath();
      context.roundRect(x, y + 0.5, shown - gap, ROW - 1.5, 2.5);
      context.fill();
    } else context.fillRect(x, y + 0.5, Math.max(0.5, shown - gap), ROW - 1.5);
    if (shown < TEXT_WIDTH) return;
    // Own code is bold as well as vivid: colour is not the only sign of it.
    const frame = tree.frame[node];
    const font = frame >= 0 && this.model.kind(frame) === OWN ? BOLD + FONT : FONT;
    this.setFont(font);
    const text = this.fit(this.label(node), shown - 12);
    if (!text) return;
    context.fillStyle = ink;
    context.fillText(text, x + 6, y + ROW / 2 + 0.5);
  }

  label(node) {
    const name = this.model.nodeName(this.tree, node);
    if (!this.model.isDiff) return name;
    const sign = this.tree.total[node] > 0 ? "▲ " : this.tree.total[node] < 0 ? "▼ " : "";
    return sign + name;
  }

  colors(node) {
    const { palette, tree } = this;
    const frame = tree.frame[node];
    if (this.matches && !(frame >= 0 && this.matches[frame])) return palette.plain("dim");
    if (this.matches) return palette.plain("hit");
    if (frame === -1) return palette.plain("root");
    if (frame < 0) return palette.plain("rest");
    if (this.model.isDiff) return palette.change(tree.mass[node] ? tree.total[node] / tree.mass[node] : 0);
    return palette.frame(frame);
  }

  drawSliver(x, y, width) {
    const { context } = this;
    if (y < -ROW || y > this.viewHeight) return;
    context.fillStyle = this.palette.plain("rest")[0];
    context.fillRect(x, y + 0.5, width, ROW - 1.5);
    context.strokeStyle = this.palette.plain("dim")[1];
    context.globalAlpha = 0.35;
    context.lineWidth = 1;
    context.beginPath();
    for (let i = Math.ceil(x / 4) * 4; i < x + width; i += 4) {
      context.moveTo(i, y + 1);
      context.lineTo(i, y + ROW - 2);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  drawOutlines(scale, scroll) {
    const ink = this.palette.plain("root")[1];
    if (this.marked >= 0) this.outlineFrame(this.marked, scale, scroll);
    if (this.hovered && this.hovered.node >= 0) this.outline(this.hovered.node, scale, scroll, ink, 1);
    if (this.selected >= 0) this.outline(this.selected, scale, scroll, ink, 2);
  }

  /** Outline every visible box of one function. */
  outlineFrame(frame, scale, scroll) {
    const { tree } = this;
    for (let i = 0; i < tree.size; i++) {
      if (tree.frame[i] === frame && tree.mass[i] * scale >= MIN_WIDTH) this.outline(i, scale, scroll, this.palette.plain("root")[1], 1.5);
    }
  }

  outline(node, scale, scroll, ink, thickness) {
    const { context, layout, tree } = this;
    const y = this.top(layout.depth[node]) - scroll;
    const left = (layout.start[node] - this.range[0]) * scale;
    const right = Math.min(this.width, left + tree.mass[node] * scale);
    const x = Math.max(0, left);
    if (right <= x || y < -ROW || y > this.viewHeight || (this.skipRoot && node === 0)) return;
    context.strokeStyle = ink;
    context.lineWidth = thickness;
    context.strokeRect(x + 0.5, y + 1, Math.max(1, right - x - 2), ROW - 2.5);
  }

  setFont(font) {
    if (this.font === font) return;
    this.font = font;
    this.context.font = font;
    this.widths = font === FONT ? this.plainWidths : this.boldWidths;
  }

  /** Cut a text to a width; measured once a text, then cut in proportion. */
  fit(text, width) {
    let full = this.widths.get(text);
    if (full === undefined) {
      full = this.context.measureText(text.length > 400 ? text.slice(0, 400) : text).width;
      this.widths.set(text, full);
    }
    if (full <= width && text.length <= 400) return text;
    let length = Math.floor((width / full) * Math.min(400, text.length)) - 1;
    while (length > 1 && this.context.measureText(`${text.slice(0, length)}…`).width > width) length--;
    return length >= 2 ? `${text.slice(0, length)}…` : "";
  }

  /** Return {node} or {sliver} under a point of the canvas, or null. */
  hit(x, y) {
    if (!this.tree || !this.width) return null;
    const { layout, tree } = this;
    const [from, to] = this.range;
    const scale = this.width / (to - from);
    const value = from + x / scale;
    const content = y + this.host.scrollTop;
    const place = Math.floor((this.flip ? Math.max(this.height, this.viewHeight) - content : content) / ROW);
    const row = this.skipRoot ? place + 1 : place;
    let node = 0;
    for (let depth = 0; depth < row; depth++) {
      const index = this.childAt(node, value);
      if (index < 0) return null;
      const child = layout.sorted[index];
      if (tree.mass[child] * scale < MIN_WIDTH) {
        const end = Math.max(index + 1, this.restIndex(node));
        let mass = 0;
        let first = index;
        while (first > layout.first[node] && tree.mass[layout.sorted[first - 1]] * scale < MIN_WIDTH) first--;
        for (let i = first; i < end; i++) mass += tree.mass[layout.sorted[i]];
        return depth === row - 1 ? { node: -1, sliver: { count: end - first, mass, parent: node } } : null;
      }
      node = child;
    }
    return tree.mass[node] > 0 ? { node } : null;
  }

  childAt(node, value) {
    const { layout, tree } = this;
    let low = layout.first[node];
    let high = low + layout.count[node] - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (layout.start[layout.sorted[middle]] <= value) low = middle;
      else high = middle - 1;
    }
    if (low > high) return -1;
    const child = layout.sorted[low];
    return value >= layout.start[child] && value < layout.start[child] + tree.mass[child] ? low : -1;
  }

  /** Make a node as wide as the view. */
  zoomTo(node, { animate = true } = {}) {
    this.node = node;
    const goal = [this.layout.start[node], this.layout.start[node] + this.tree.mass[node]];
    if (!animate || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.goal = null;
      this.range = goal;
      this.reveal(node);
      this.redraw();
      return;
    }
    const begin = performance.now();
    const origin = this.range;
    const step = (now) => {
      if (this.goal !== goal) return;
      const t = Math.min(1, Math.max(0, (now - begin) / ZOOM_MS));
      const eased = 1 - (1 - t) ** 3;
      this.range = t < 1 ? origin.map((value, i) => value + (goal[i] - value) * eased) : goal;
      this.draw();
      if (t < 1) requestAnimationFrame(step);
    };
    this.goal = goal;
    this.reveal(node);
    requestAnimationFrame(step);
  }

  /** Scroll so that a node's row can be seen. */
  reveal(node) {
    const y = this.top(this.layout.depth[node]);
    const { scrollTop } = this.host;
    if (y < scrollTop) this.host.scrollTop = y - ROW;
    else if (y + ROW > scrollTop + this.viewHeight) this.host.scrollTop = y - this.viewHeight + 3 * ROW;
  }

  select(node) {
    this.selected = node;
    this.onSelect(this, node);
    this.reveal(node);
    this.redraw();
  }

  listen() {
    const { canvas, host } = this;
    host.addEventListener("scroll", () => this.redraw(), { passive: true });
    canvas.addEventListener("mousemove", (event) => {
      this.hovered = this.hit(event.offsetX, event.offsetY);
      canvas.style.cursor = this.hovered && this.hovered.node >= 0 ? "pointer" : "default";
      this.onHover(this, this.hovered, event);
      this.redraw();
    });
    canvas.addEventListener("mouseleave", (event) => {
      this.hovered = null;
      this.onHover(this, null, event);
      this.redraw();
    });
    canvas.addEventListener("click", (event) => {
      host.focus({ preventScroll: true });
      // The second click of a double click belongs to the box under the first.
      if (event.detail === 2 && this.clicked >= 0) return this.onPivot(this, this.clicked);
      const hit = this.hit(event.offsetX, event.offsetY);
      this.clicked = hit ? hit.node : -1;
      if (!hit) return;
      if (hit.sliver) return this.onZoom(this, hit.sliver.parent);
      this.selected = hit.node;
      this.onSelect(this, hit.node);
      this.onZoom(this, hit.node);
    });
    host.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.tree) return;
    const current = this.selected >= 0 ? this.selected : this.node;
    const vertical = this.flip ? { ArrowUp: "down", ArrowDown: "up" } : { ArrowUp: "up", ArrowDown: "down" };
    const way = vertical[event.key] || { ArrowLeft: "left", ArrowRight: "right" }[event.key];
    if (way) this.select(this.neighbour(current, way));
    else if (event.key === "Enter") this.onZoom(this, current);
    else if (event.key === "Backspace") this.onZoom(this, Math.max(0, this.tree.parent[this.node]));
    else if (event.key === "Home") this.onZoom(this, 0);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  neighbour(node, way) {
    const { layout, tree } = this;
    const parent = tree.parent[node];
    if (way === "up") return Math.max(0, parent);
    if (way === "down") return layout.count[node] ? layout.sorted[layout.first[node]] : node;
    if (parent < 0) return node;
    const first = layout.first[parent];
    const index = layout.sorted.indexOf(node, first) + (way === "left" ? -1 : 1);
    return index >= first && index < first + layout.count[parent] ? layout.sorted[index] : node;
  }

  /** Return the nodes above the zoomed one, and itself. */
  path() {
    return pathTo(this.tree, this.node);
  }
}
