// The two trees around one function: who calls it, and what it calls, over all its occurrences.
//
// Only outermost occurrences count, so recursion is not counted twice.

import { ROOT } from "./payload.js";

/** Build {callers, callees, mass} of a frame from the tree that starts at the roots. */
export function sandwichTrees(tree, frame) {
  const inside = new Int32Array(tree.size).fill(-1);
  const callees = new TreeBuilder(frame);
  const callers = new TreeBuilder(frame);
  for (let i = 1; i < tree.size; i++) {
    const above = inside[tree.parent[i]];
    if (above >= 0) {
      inside[i] = callees.child(above, tree.frame[i], tree.folded[i]);
      callees.add(inside[i], tree.self[i]);
    } else if (tree.frame[i] === frame) {
      inside[i] = 0;
      callees.add(0, tree.self[i]);
      let caller = 0;
      for (let j = tree.parent[i]; j > 0; j = tree.parent[j]) caller = callers.child(caller, tree.frame[j], 0);
      callers.add(caller, tree.total[i]);
    }
  }
  return { callees: callees.tree(), callers: callers.tree() };
}

class TreeBuilder {
  constructor(frame) {
    this.parent = [-1];
    this.frame = [frame];
    this.folded = [0];
    this.own = [0];
    this.children = [new Map()];
  }

  child(parent, frame, folded) {
    const known = this.children[parent].get(frame);
    if (known !== undefined) {
      this.folded[known] += folded;
      return known;
    }
    const node = this.parent.length;
    this.children[parent].set(frame, node);
    this.parent.push(parent);
    this.frame.push(frame);
    this.folded.push(folded);
    this.own.push(0);
    this.children.push(new Map());
    return node;
  }

  add(node, value) {
    this.own[node] += value;
  }

  /** Renumber into breadth-first order, where children are neighbours, and add up. */
  tree() {
    const order = [0];
    for (let i = 0; i < order.length; i++) for (const child of this.children[order[i]].values()) order.push(child);
    const place = new Int32Array(order.length);
    order.forEach((node, i) => (place[node] = i));
    const size = order.length;
    const parent = Int32Array.from(order, (node) => (node ? place[this.parent[node]] : ROOT));
    const frame = Int32Array.from(order, (node) => this.frame[node]);
    const folded = Int32Array.from(order, (node) => this.folded[node]);
    const self = Float64Array.from(order, (node) => this.own[node]);
    const total = Float64Array.from(self);
    const mass = self.map(Math.abs);
    for (let i = size - 1; i > 0; i--) {
      total[parent[i]] += total[i];
      mass[parent[i]] += mass[i];
    }
    return { size, parent, frame, folded, self, total, mass };
  }
}
