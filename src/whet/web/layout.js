// Where the boxes of a tree are: widths by mass, the heaviest child first, then what was folded
// into a rest box, then the node's own value.

import { REST } from "./payload.js";

/** Lay out a tree (nodes in breadth-first order) in units of its mass. */
export function layOut(tree) {
  const { size, parent, mass } = tree;
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  const depth = new Int32Array(size);
  const start = new Float64Array(size);
  const sorted = new Int32Array(size);
  let deepest = 0;
  let worthSeeing = 0; // rows that are more than hairlines
  for (let i = 1; i < size; i++) {
    if (count[parent[i]]++ === 0) first[parent[i]] = i;
    depth[i] = depth[parent[i]] + 1;
    if (depth[i] > deepest && mass[i] > 0) deepest = depth[i];
    if (depth[i] > worthSeeing && mass[i] > mass[0] / 250) worthSeeing = depth[i];
  }
  for (let i = 0; i < size; i++) {
    if (!count[i]) continue;
    const begin = first[i];
    const children = [];
    for (let j = 0; j < count[i]; j++) children.push(begin + j);
    if (children.length > 1) children.sort((a, b) => (tree.frame[a] === REST) - (tree.frame[b] === REST) || mass[b] - mass[a] || a - b);
    let offset = start[i];
    for (let j = 0; j < children.length; j++) {
      sorted[begin + j] = children[j];
      start[children[j]] = offset;
      offset += mass[children[j]];
    }
  }
  return { first, count, depth, start, sorted, deepest, worthSeeing };
}

/** Return the nodes from the root to a node, both included. */
export function pathTo(tree, node) {
  const path = [];
  for (let i = node; i >= 0; i = tree.parent[i]) path.push(i);
  return path.reverse();
}

/** Return the share of the mass that lies under matching frames, nested ones counted once. */
export function matchedMass(tree, matches) {
  const covered = new Uint8Array(tree.size);
  let mass = 0;
  for (let i = 1; i < tree.size; i++) {
    const hit = tree.frame[i] >= 0 && matches[tree.frame[i]];
    if (covered[tree.parent[i]]) covered[i] = 1;
    else if (hit) {
      covered[i] = 1;
      mass += tree.mass[i];
    }
  }
  return mass;
}
