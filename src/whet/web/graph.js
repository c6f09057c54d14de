// The call graph: a picture laid out beforehand (render/profile/graph_svg.py), to be zoomed,
// moved and looked into. A click on a box leaves its callers and callees bright.

const STEP = 1.25;
const CLOSEST = 12;
const MOVED = 4;

export class GraphView {
  /** options: onSelect(name), onPivot(name); a name is that of a function. */
  constructor(host, options) {
    Object.assign(this, options);
    this.host = host;
    this.text = "";
    this.chosen = "";
    host.tabIndex = 0;
    host.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    host.addEventListener("pointerdown", (event) => this.onDown(event));
    host.addEventListener("keydown", (event) => this.onKey(event));
    host.addEventListener("click", (event) => this.onClick(event));
    host.addEventListener("dblclick", (event) => this.onDoubleClick(event));
  }

  /** Show a picture, given as the text of an SVG. */
  show(text) {
    if (text === this.text) return;
    this.text = text;
    const picture = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
    picture.querySelector(":scope > title").remove();
    picture.removeAttribute("width");
    picture.removeAttribute("height");
    this.picture = picture;
    this.whole = picture.getAttribute("viewBox").split(" ").map(Number);
    this.nodes = [...picture.querySelectorAll(".node")];
    this.byName = new Map(this.nodes.map((node) => [node.dataset.name, node]));
    this.edges = [...picture.querySelectorAll(".edge")].map((edge) => [edge, edge.dataset.tail, edge.dataset.head]);
    this.host.replaceChildren(picture);
    this.look(this.whole);
    this.choose(this.chosen);
  }

  /** Keep a function's box, its callers and its callees bright; "" for all. */
  choose(name) {
    this.chosen = name;
    if (!this.picture) return;
    const node = this.byName.get(name);
    const near = new Set();
    for (const [edge, tail, head] of this.edges) {
      const touches = node && (tail === node.id || head === node.id);
      if (touches) near.add(tail).add(head);
      edge.classList.toggle("far", Boolean(node) && !touches);
    }
    for (const box of this.picture.querySelectorAll(".node, .nodelet")) {
      box.classList.toggle("far", Boolean(node) && box !== node && !near.has(box.id));
      box.classList.toggle("chosen", box === node);
    }
  }

  /** Mark boxes whose function passes a test, or none without one. */
  match(test) {
    for (const node of this.nodes || []) node.classList.toggle("hit", Boolean(test && test(node.dataset.name)));
  }

  look(box) {
    this.box = box;
    this.picture.setAttribute("viewBox", box.map((part) => part.toFixed(1)).join(" "));
  }

  /** Zoom by a factor round a point of the window, the middle by default. */
  zoom(factor, x, y) {
    const place = this.host.getBoundingClientRect();
    const [left, top, width, height] = this.box;
    const wanted = Math.min(this.whole[2] * 1.5, Math.max(this.whole[2] / CLOSEST, width / factor));
    const scale = wanted / width;
    const point = this.toPicture(x ?? place.left + place.width / 2, y ?? place.top + place.height / 2);
    this.look([point[0] - (point[0] - left) * scale, point[1] - (point[1] - top) * scale, wanted, height * scale]);
  }

  move(right, down) {
    const [left, top, width, height] = this.box;
    this.look([left + right, top + down, width, height]);
  }

  toPicture(x, y) {
    const matrix = this.picture.getScreenCTM().inverse();
    const point = new DOMPoint(x, y).matrixTransform(matrix);
    return [point.x, point.y];
  }

  nameAt(event) {
    const node = event.target.closest(".node");
    return node ? node.dataset.name : "";
  }

  onWheel(event) {
    if (!this.picture) return;
    this.zoom(STEP ** (-Math.sign(event.deltaY) * Math.min(2, Math.abs(event.deltaY) / 60)), event.clientX, event.clientY);
    event.preventDefault();
  }

  onDown(event) {
    if (event.button || !this.picture) return;
    const from = [event.clientX, event.clientY];
    const [left, top, width, height] = this.box;
    const scale = 1 / this.picture.getScreenCTM().a;
    this.dragged = false;
    const drag = ({ clientX, clientY }) => {
      const [right, down] = [clientX - from[0], clientY - from[1]];
      if (!this.dragged && Math.hypot(right, down) < MOVED) return;
      this.dragged = true;
      this.look([left - right * scale, top - down * scale, width, height]);
    };
    const stop = () => {
      removeEventListener("pointermove", drag);
      removeEventListener("pointerup", stop);
    };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", stop);
  }

  onClick(event) {
    if (this.dragged) return;
    const name = this.nameAt(event);
    this.choose(name === this.chosen ? "" : name);
    this.onSelect(this.chosen);
  }

  onDoubleClick(event) {
    const name = this.nameAt(event);
    if (name) this.onPivot(name);
  }

  onKey(event) {
    if (!this.picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = this.box[2] / 10;
    const actions = {
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      0: () => this.look(this.whole),
      Home: () => this.look(this.whole),
      ArrowLeft: () => this.move(-step, 0),
      ArrowRight: () => this.move(step, 0),
      ArrowUp: () => this.move(0, -step),
      ArrowDown: () => this.move(0, step),
    };
    const action = actions[event.key];
    if (!action) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }
}
