// The list of keys.

import { make } from "./dom.js";

const KEYS = [
  ["Views", [["1 … 6", "overview, flame graph, boxes, source, graph, about"], ["/", "search (text, or /regular expression/)"], ["t", "light or dark"], ["?", "this help"], ["Esc", "close, clear, zoom out"]]],
  ["Flame graph", [["↑ ↓ ← →", "walk to parent, heaviest child, neighbours"], ["Enter, click", "zoom into the box"], ["Backspace", "zoom out one step"], ["0 or Home", "zoom out fully"], ["i", "turn around: callers of the leaves"], ["s, double click", "sandwich: callers above, callees below"], ["o", "source of the function"], ["n, N", "next, previous match"]]],
  ["Graph", [["wheel, + −", "zoom"], ["drag, ↑ ↓ ← →", "move"], ["0", "show all"], ["click", "callers and callees of a box"]]],
  ["Boxes", [["f, c", "sort by flat, by cum"], ["↑ ↓", "walk through the rows"], ["Enter", "select and mark in the flame graph"]]],
];

/** Fill the help dialog. */
export function fillHelp(dialog) {
  const columns = KEYS.map(([title, rows]) => make("section", {}, make("h3", {}, title), make("dl", {}, ...rows.flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)]))));
  dialog.replaceChildren(make("h2", {}, "Keyboard"), make("div", { class: "columns" }, ...columns), make("form", { method: "dialog" }, make("button", { type: "submit" }, "Close")));
}
