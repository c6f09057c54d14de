// When samples were taken: a strip of the profile's time, of which a part can be chosen.

import { formatValue } from "./format.js";

const KEY_STEP = 0.05;

export class TimelineView {
  /** options: palette, lengthNs, onChoose(word); a word is "FROM-TO" in ns, "" for all. */
  constructor(host, options) {
    Object.assign(this, options);
    this.host = host;
    this.canvas = document.createElement("canvas");
    this.text = document.createElement("span");
    host.append(this.canvas, this.text);
    host.tabIndex = 0;
    host.hidden = false;
    this.part = [0, 1];
    host.addEventListener("pointerdown", (event) => this.onDown(event));
    host.addEventListener("dblclick", () => this.onChoose(""));
    host.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** Show the sums of the bins and the chosen part. */
  show(bins, word) {
    this.bins = bins;
    const ends = word.split("-").map(Number);
    this.part = word ? ends.map((end) => Math.min(1, end / this.lengthNs)) : [0, 1];
    this.draw();
  }

  draw() {
    const { canvas, host, bins } = this;
    const [width, height] = [host.clientWidth, 36];
    if (!bins || !width) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const most = Math.max(1, ...bins);
    const step = width / bins.length;
    const [low, high] = this.part;
    bins.forEach((value, i) => {
      const middle = (i + 0.5) / bins.length;
      context.fillStyle = this.palette.plain(middle >= low && middle <= high ? "hit" : "root")[0];
      const size = (value / most) * (height - 2);
      context.fillRect(i * step, height - size, Math.max(1, step - 0.5), size);
    });
    context.fillStyle = this.palette.plain("root")[1];
    for (const end of [low, high]) context.fillRect(Math.min(width - 1, end * width), 0, 1, height);
    const [from, to] = [low, high].map((end) => formatValue(Math.round(end * this.lengthNs), "nanoseconds"));
    this.text.textContent = low > 0 || high < 1 ? `${from} – ${to}` : `all of ${to}`;
    host.setAttribute("aria-valuetext", this.text.textContent);
  }

  word([low, high]) {
    const ends = [low, high].map((end) => Math.round(Math.min(1, Math.max(0, end)) * this.lengthNs));
    return ends[0] <= 0 && ends[1] >= this.lengthNs ? "" : ends.join("-");
  }

  onDown(event) {
    if (event.button) return;
    const place = this.host.getBoundingClientRect();
    const at = ({ clientX }) => Math.min(1, Math.max(0, (clientX - place.left) / place.width));
    const start = at(event);
    const move = (next) => {
      const end = at(next);
      this.part = [Math.min(start, end), Math.max(start, end)];
      this.draw();
    };
    const stop = (last) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
      const end = at(last);
      if (Math.abs(end - start) * place.width >= 3) this.onChoose(this.word([Math.min(start, end), Math.max(start, end)]));
      else this.draw();
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }

  /** Arrows move the part, with Shift its end; Escape chooses all. */
  onKey(event) {
    const step = { ArrowLeft: -KEY_STEP, ArrowRight: KEY_STEP }[event.key];
    const [low, high] = this.part;
    if (step && event.shiftKey) this.onChoose(this.word([low, Math.max(low + KEY_STEP, Math.min(1, high + step))]));
    else if (step) {
      const moved = Math.max(-low, Math.min(1 - high, step));
      this.onChoose(this.word([low + moved, high + moved]));
    } else if (event.key === "Escape") this.onChoose("");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
