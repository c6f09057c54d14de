// The data inside the page: base64 of gzip of JSON. Undoes what render/html.py packs.

/** Unpack the text of the data element into plain objects. */
export async function unpack(text) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser cannot unpack the report: use Chromium 103, Firefox 113 or Safari 16.4, or newer");
  }
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** Return the running sums of differences. */
export function undelta(differences) {
  const column = new Int32Array(differences.length);
  let value = 0;
  for (let i = 0; i < differences.length; i++) column[i] = value += differences[i];
  return column;
}

/** Return rows of sums as columns: row, group and one Float64Array a value. */
export function unpackRows(rows) {
  const row = undelta(rows.row);
  const group = rows.group.length ? Int32Array.from(rows.group) : new Int32Array(row.length);
  const values = [];
  for (const column of rows.values) {
    if (typeof column !== "number") values.push(Float64Array.from(column));
    else values.push(values[0].map((value) => value * column));
  }
  return { row, group, values };
}

/** Return a tree with its root put back in front. */
export function unpackTree(tree) {
  const size = tree.parent.length + 1;
  const parent = new Int32Array(size);
  parent[0] = -1;
  parent.set(undelta(tree.parent), 1);
  const frame = new Int32Array(size);
  frame[0] = ROOT;
  frame.set(tree.frame, 1);
  const folded = new Int32Array(size);
  let next = 0;
  for (let i = 1; i < size; i++) if (frame[i] === REST) folded[i] = tree.folded[next++];
  return { size, parent, frame, folded, own: unpackRows(tree.self) };
}

export const ROOT = -1;
export const REST = -2;
