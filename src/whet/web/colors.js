// The colour of a frame: hue from its package, strength from whose code it is.
//
// Own code is vivid, libraries are muted, the standard library and native code nearly grey. The
// same package has the same hue in every report. Colour repeats what the text says, never more.

import { LIBRARY, NATIVE, OWN, STANDARD } from "./model.js";

const HUES = [38, 255, 152, 330, 85, 200, 15, 285, 118, 225, 60, 305, 175];
const SHADES = {
  light: {
    [OWN]: (hue) => [`oklch(0.82 0.105 ${hue})`, "#1d1b18"],
    [LIBRARY]: (hue) => [`oklch(0.905 0.04 ${hue})`, "#2b2925"],
    [STANDARD]: (hue) => [`oklch(0.915 0.014 ${hue})`, "#37342f"],
    [NATIVE]: () => ["oklch(0.87 0.006 80)", "#37342f"],
  },
  dark: {
    [OWN]: (hue) => [`oklch(0.73 0.105 ${hue})`, "#14130f"],
    [LIBRARY]: (hue) => [`oklch(0.42 0.045 ${hue})`, "#efece6"],
    [STANDARD]: (hue) => [`oklch(0.36 0.016 ${hue})`, "#dedad2"],
    [NATIVE]: () => ["oklch(0.32 0.005 80)", "#d3cfc7"],
  },
};
const PLAIN = {
  light: { root: ["#dedad1", "#37342f"], rest: ["#ece9e2", "#5c574e"], dim: ["#efece6", "#79736a"], hit: ["oklch(0.8 0.15 85)", "#1d1b18"], gain: ["oklch(0.82 0.1 155)", "#10241a"], loss: ["oklch(0.8 0.11 25)", "#2d0f0a"] },
  dark: { root: ["#3a3833", "#dedad2"], rest: ["#2b2a27", "#b3aea5"], dim: ["#282724", "#8d887e"], hit: ["oklch(0.8 0.14 85)", "#14130f"], gain: ["oklch(0.66 0.1 155)", "#0c1811"], loss: ["oklch(0.66 0.12 25)", "#1d0806"] },
};

export class Palette {
  constructor(model) {
    this.model = model;
    this.theme = "light";
    this.known = new Map();
  }

  use(theme) {
    this.theme = theme;
    this.known.clear();
  }

  /** Return [fill, text colour] of a special box: root, rest, dim, hit, gain or loss. */
  plain(name) {
    return PLAIN[this.theme][name];
  }

  /** Return [fill, text colour] for a change from -1 (all gone) over 0 (as before) to 1 (all new). */
  change(ratio) {
    const step = Math.sign(ratio) * Math.ceil(Math.min(1, Math.abs(ratio)) * 5 - 1e-9);
    if (!step) return this.plain("rest");
    const strength = Math.abs(step) / 5;
    const hue = step > 0 ? 28 : 240;
    if (this.theme === "dark") return [`oklch(${0.36 + 0.3 * strength} ${0.02 + 0.12 * strength} ${hue})`, strength > 0.5 ? "#14130f" : "#efece6"];
    return [`oklch(${0.95 - 0.2 * strength} ${0.02 + 0.12 * strength} ${hue})`, "#1d1b18"];
  }

  /** Return a background of several hues that stands for a kind of code in the legend. */
  sample(kind) {
    const stops = HUES.slice(0, 3).map((hue, i) => `${SHADES[this.theme][kind](hue)[0]} ${i * 33.4}% ${(i + 1) * 33.4}%`);
    return `linear-gradient(90deg, ${stops})`;
  }

  /** Return [fill, text colour] of a frame. */
  frame(frame) {
    const file = this.model.frames.file[frame];
    const [kind, name] = this.model.frames.origins[file];
    // Functions of one own module differ a little, so that neighbours can be told apart.
    const turn = kind === OWN ? (hash(this.model.frames.name[frame]) % 7) * 6 - 18 : 0;
    const hue = HUES[hash(name) % HUES.length] + turn;
    const key = kind * 1000 + hue;
    let pair = this.known.get(key);
    if (!pair) this.known.set(key, (pair = SHADES[this.theme][kind](hue)));
    return pair;
  }
}

const hashes = new Map();

/** FNV-1a, 32 bit. */
function hash(text) {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  hashes.set(text, value >>> 0);
  return value >>> 0;
}
