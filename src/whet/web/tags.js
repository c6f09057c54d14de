// Labels: what each value of each label key costs, to choose by and to group by.

import { make } from "./dom.js";
import { formatShare, formatValue } from "./format.js";

const SHOWN = 40;

/** Draw the label keys. options: model, onChoose(key, value), onGroup(key). */
export function showTags(host, { model, keys, onChoose, onGroup }) {
  if (!keys.length) {
    host.replaceChildren(make("p", { class: "empty" }, "the samples of this profile have no labels"));
    return;
  }
  const choosable = new Map(model.labels.keys.map((key) => [key.name, new Set(key.values)]));
  host.replaceChildren(make("div", { class: "cards" }, ...keys.map((key) => card(key))));

  function card({ key, value, values }) {
    const rows = values.slice(0, SHOWN).map((found) => {
      const text = choosable.get(key)?.has(found.text) ? make("button", { type: "button", class: "fn", onclick: () => onChoose(key, found.text) }, found.text || "(empty)") : make("span", {}, found.text || "(empty)");
      const bar = make("span", { class: "bar", "aria-hidden": true }, make("i", { class: "fill", style: { width: `${Math.min(100, Math.abs(value ? found.value / value : 0) * 100)}%` } }));
      return make("tr", {}, make("td", {}, text), make("td", { class: "number" }, formatValue(found.value, model.unit)), make("td", { class: "number" }, formatShare(found.share)), make("td", { class: "tag-bar" }, bar));
    });
    const left = values.length - rows.length;
    const group = make("button", { type: "button", class: "small", onclick: () => onGroup(key) }, "group by");
    return make("section", {}, make("h2", {}, key, " ", group), make("table", { class: "tags" }, make("tbody", {}, ...rows)), left > 0 ? make("p", { class: "quiet" }, `${left.toLocaleString("en-US")} smaller values`) : null);
  }
}
