// The list of keys.

import { make } from "./dom.js";

const KEYS = [
  ["Views", [["/", "search (text, or /regular expression/)"], ["m", "what else was measured, one after the other"], ["t", "light or dark"], ["?", "this help"], ["Esc", "close, clear, zoom out"]]],
  ["Flame graph", [["↑ ↓ ← →", "walk to parent, heaviest child, neighbours"], ["Enter, click", "zoom into the box"], ["Backspace", "zoom out one step"], ["0 or Home", "zoom out fully"], ["i", "turn around: callers of the leaves"], ["s, double click", "sandwich: callers above, callees below"], ["o", "source of the function"], ["b", "instructions in the source, on or off"], ["n, N", "next, previous match"]]],
  ["Graph", [["wheel, + −", "zoom"], ["drag, ↑ ↓ ← →", "move"], ["0", "show all"], ["click", "callers and callees of a box"]]],
  ["Boxes", [["f, c", "sort by flat, by cum"], ["↑ ↓", "walk through the rows"], ["Enter", "select and mark in the flame graph"]]],
];

const SERVED_KEYS = ["Filters", [["r", "refine: all filters, granularity, group by"], ["F, X, H", "focus, ignore, hide the function"], ["p", "peek: its callers and callees"], ["u", "undo all filters"], ["w", "write the view as one offline file"], ["← →, ⇧← ⇧→", "in the time strip: move the part, its end"]]];

/** Fill the help dialog. */
export function fillHelp(dialog, isServed, views) {
  const all = isServed ? [...KEYS, SERVED_KEYS] : KEYS;
  const columns = all.map(([title, rows], i) => {
    const shown = i ? rows : [[`1 … ${views.length}`, views.map(([, label]) => label.toLowerCase()).join(", ")], ...rows];
    return make("section", {}, make("h3", {}, title), make("dl", {}, ...shown.flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)])));
  });
  dialog.replaceChildren(make("h2", {}, "Keyboard"), make("div", { class: "columns" }, ...columns), make("form", { method: "dialog" }, make("button", { type: "submit" }, "Close")));
}
