// What was measured, how, and what this page leaves out.

import { make } from "./dom.js";
import { formatCount, formatShare, formatValue } from "./format.js";

/** Draw the page about the recording. */
export function showAbout(host, model) {
  const sections = [
    ["Recording", recordingRows(model)],
    ["Measured values", model.types.map(([type, unit], i) => [type, `${typeTotal(model, i, unit)}${i === model.type ? " (shown)" : ""}`])],
    ["Collector", collectorRows(model)],
    ["Labels", labelRows(model)],
    ["This page", pageRows(model)],
  ];
  const cards = sections.filter(([, rows]) => rows.length).map(([title, rows]) => make("section", {}, make("h2", {}, title),
    make("dl", {}, ...rows.flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]))));
  host.replaceChildren(make("div", { class: "cards" }, ...cards));
}

/** A total, or the unit alone where only the server knows it. */
function typeTotal(model, index, unit) {
  const total = model.typeTotal(index);
  return total === null ? unit : formatValue(total, unit);
}

function recordingRows(model) {
  const { facts, title } = model;
  const rows = [["program", title]];
  if (facts.timeNanos > 0) rows.push(["recorded", new Date(facts.timeNanos / 1e6).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })]);
  if (facts.durationNanos > 0) rows.push(["duration", formatValue(facts.durationNanos, "nanoseconds")]);
  const [type, unit, period] = facts.period;
  if (period > 0) rows.push(["period", `one sample every ${formatValue(period, unit)}${type ? ` of ${type}` : ""}`]);
  if (period > 0 && unit === "nanoseconds") rows.push(["rate", `${formatCount(Math.round(1e9 / period))} Hz`]);
  rows.push(["distinct samples", formatCount(facts.samples)], ["functions", formatCount(facts.functions)], ["locations", formatCount(facts.locations)]);
  if (facts.mappings.length) rows.push(["main binary", facts.mappings[0] || "unknown"]);
  if (/^https?:/.test(facts.docUrl)) rows.push(["documentation", facts.docUrl]);
  return rows;
}

/** Show `whet: key=value` comments by key, and all others as they are. */
function collectorRows(model) {
  return model.facts.comments.map((comment) => {
    const found = /^whet: ([\w.-]+)=(.*)$/s.exec(comment);
    if (!found) return ["comment", comment];
    const [, key, value] = found;
    if (/_share$/.test(key) && Number.isFinite(Number(value))) return [words(key.slice(0, -6)), formatShare(Number(value))];
    const perUnit = /^(.*)_ns_per_(.*)$/.exec(key);
    if (perUnit && Number.isFinite(Number(value))) return [`${words(perUnit[1])} per ${words(perUnit[2])}`, formatValue(Number(value), "nanoseconds")];
    if (/_ns$/.test(key) && Number.isFinite(Number(value))) return [words(key.slice(0, -3)), formatValue(Number(value), "nanoseconds")];
    if (/_bytes$/.test(key) && Number.isFinite(Number(value))) return [words(key.slice(0, -6)), formatValue(Number(value), "bytes")];
    if (/_hz$/.test(key)) return [words(key.slice(0, -3)), `${value} Hz`];
    if (/^\d{4,}$/.test(value)) return [words(key), formatCount(Number(value))];
    return [words(key), value];
  });
}

function words(key) {
  return key.replaceAll("_", " ");
}

function labelRows(model) {
  const { labels } = model;
  const rows = labels.keys.map((key) => [key.name, key.values.slice(1).join(", ")]);
  for (const [name, distinct] of labels.unused) rows.push([name, `${formatCount(distinct)} values, too many to filter by`]);
  return rows;
}

function pageRows(model) {
  const cutoff = formatShare(model.facts.cutoffShare);
  const rows = [
    ["complete above", `${cutoff} of the total; smaller frames are summed up in “(rest: N frames)” boxes, so every box is exactly itself plus its children`],
    ["intervals", model.noInterval() || "95% Wilson score intervals of each share, from the number of samples"],
    ["if free", "Amdahl's bound 1/(1 − cum share): no change to that function alone can make the program faster than this"],
  ];
  if (!model.noInterval() && model.effective < 0.995 * model.samples) rows.push(["effective samples", `samples weigh differently, so ${formatCount(Math.round(model.samples))} of them are worth ${formatCount(Math.round(model.effective))} equal ones`]);
  return rows;
}
