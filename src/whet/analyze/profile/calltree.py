"""The call tree of a profile, complete down to a threshold and exact everywhere.

Built level by level, so that what falls below the threshold is never expanded: the children
of a node that are too small become one "rest" child that says how many they were. A node's
total is therefore always its own samples plus the totals of its children, to the last digit.
Turned around (`inverted`), the tree starts at the leaves and its children are callers.

Nodes are in breadth-first order: parents come before children, the children of one node are
neighbours. Node 0 is the whole profile. No sums are kept here: a caller adds up values over
`node_of_sample` and then over `parent`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["REST", "ROOT", "CallTree", "build_call_tree"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

ROOT = -1
REST = -2


@dataclass(slots=True)
class CallTree:
    """A call tree.

    Attributes:
        parent: int32[nodes], -1 for node 0.
        frame: int32[nodes], frame rows, or `ROOT` for node 0, or `REST`.
        folded: int32[nodes], how many frames a rest node stands for, else 0.
        node_of_sample: int32[n], where each sample ends.
    """

    parent: I32
    frame: I32
    folded: I32
    node_of_sample: I32

    def __len__(self) -> int:
        return len(self.parent)


def build_call_tree(
    stack_start: I64,
    stack_frame: I32,
    mass: F64,
    cutoff: F64,
    *,
    inverted: bool = False,
    max_nodes: int | None = None,
) -> CallTree | None:
    """Build the call tree of all samples.

    Args:
        stack_start: int64[n + 1], CSR over `stack_frame`.
        stack_frame: int32[steps], leaf first.
        mass: float64[n, t], absolute value of each sample in each sample type.
        cutoff: float64[t]; a node whose mass is below it in every type becomes rest.
        inverted: begin at the leaves.
        max_nodes: give up beyond this size.

    Returns:
        The tree, or None if it would have more than `max_nodes` nodes.
    """
    levels = _Levels(len(mass))
    first = stack_start[:-1] if inverted else stack_start[1:] - 1
    step = 1 if inverted else -1
    length = np.diff(stack_start)
    active = np.flatnonzero(length > 0)
    depth = 0
    while active.size:
        frame = stack_frame[first[active] + step * depth]
        active = levels.descend(active, frame, mass, cutoff)
        if max_nodes is not None and levels.size > max_nodes:
            return None
        depth += 1
        active = active[length[active] > depth]
    return levels.tree()


class _Levels:
    """The nodes found so far, one level at a time."""

    def __init__(self, samples: int) -> None:
        self.size = 1
        self.node = np.zeros(samples, np.int32)
        self.parents = [np.full(1, -1, np.int32)]
        self.frames = [np.full(1, ROOT, np.int32)]
        self.folded = [np.zeros(1, np.int32)]

    def descend(self, active: I64, frame: I32, mass: F64, cutoff: F64) -> I64:
        """Add the level below the nodes of `active`; return the samples still followed."""
        span = int(frame.max()) + 1
        key = self.node[active].astype(np.int64) * span + frame
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        group_mass = np.add.reduceat(mass[active[order]], starts, axis=0)
        kept: npt.NDArray[np.bool_] = np.any(group_mass >= cutoff, axis=1)
        group_key = ordered[starts]
        child = self._add(group_key // span, (group_key % span).astype(np.int32), kept)
        sizes = np.diff(np.append(starts, len(ordered)))
        self.node[active[order]] = np.repeat(child, sizes)
        followed = np.zeros(len(active), np.bool_)
        followed[order] = np.repeat(kept, sizes)
        return active[followed]

    def _add(self, parent: I64, frame: I32, kept: npt.NDArray[np.bool_]) -> I32:
        """Append kept groups and one rest node a parent; return the node of each group."""
        # Groups come sorted by (parent, frame). A rest node sorts behind its siblings.
        rest_parent, rest_of, rest_count = np.unique(parent[~kept], return_inverse=True, return_counts=True)
        parents = np.concatenate([parent[kept], rest_parent])
        frames = np.concatenate([frame[kept], np.full(len(rest_parent), REST, np.int32)])
        counts = np.concatenate([np.zeros(int(kept.sum()), np.int64), rest_count])
        order = np.argsort(parents, kind="stable")
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(self.size, self.size + len(order), dtype=np.int32)
        self.parents.append(parents[order].astype(np.int32))
        self.frames.append(frames[order])
        self.folded.append(counts[order].astype(np.int32))
        self.size += len(order)
        child = np.empty(len(parent), np.int32)
        own = int(kept.sum())
        child[kept] = place[:own]
        child[~kept] = place[own:][rest_of]
        return child

    def tree(self) -> CallTree:
        return CallTree(
            np.concatenate(self.parents),
            np.concatenate(self.frames),
            np.concatenate(self.folded),
            self.node,
        )
