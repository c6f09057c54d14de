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

__all__ = ["REST", "ROOT", "CallTree", "Walk", "Zoom", "build_call_tree", "build_tree"]

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
        sample: int32[nodes], the first sample that goes through each node; -1 for node 0.
        branch: the node that was zoomed into, 0 for none.
    """

    parent: I32
    frame: I32
    folded: I32
    node_of_sample: I32
    sample: I32
    branch: int = 0

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
    length = np.diff(stack_start)
    first = stack_start[:-1] if inverted else stack_start[1:] - 1
    walk = Walk(first, length, 1 if inverted else -1)
    return build_tree(stack_frame, walk, mass, cutoff, max_nodes=max_nodes)


@dataclass(slots=True)
class Walk:
    """Where the path of each sample lies in the column of frames.

    Attributes:
        first: int64[n], the place of the path's first frame.
        length: int64[n], how many frames it has.
        step: 1 or -1, where the next frame is.
    """

    first: I64
    length: I64
    step: int


@dataclass(slots=True)
class Zoom:
    """A branch that is to be seen more closely.

    Attributes:
        path: int32[depth], the frames from the root's child down to the branch.
        share: a node below the branch is kept from this share of the branch on.
    """

    path: I32
    share: float


def build_tree(
    frames: I32,
    walk: Walk,
    mass: F64,
    cutoff: F64,
    *,
    zoom: Zoom | None = None,
    max_nodes: int | None = None,
) -> CallTree | None:
    """Build the tree of paths through `frames`, one a sample.

    Args: as those of `build_call_tree`; `zoom` names the branch that is complete further down.

    Returns:
        The tree, or None if it would have more than `max_nodes` nodes.
    """
    levels = _Levels(len(mass), cutoff, zoom)
    active = np.flatnonzero(walk.length > 0)
    depth = 0
    while active.size:
        frame = frames[walk.first[active] + walk.step * depth]
        active = levels.descend(active, frame, mass, depth)
        if max_nodes is not None and levels.size > max_nodes:
            return None
        depth += 1
        active = active[walk.length[active] > depth]
    return levels.tree()


class _Levels:
    """The nodes found so far, one level at a time."""

    def __init__(self, samples: int, cutoff: F64, zoom: Zoom | None) -> None:
        self.size = 1
        self.node = np.zeros(samples, np.int32)
        self.parents = [np.full(1, -1, np.int32)]
        self.frames = [np.full(1, ROOT, np.int32)]
        self.folded = [np.zeros(1, np.int32)]
        self.samples = [np.full(1, -1, np.int32)]
        self.cutoff = cutoff
        self.zoom = zoom
        self.on_path = 0 if zoom is not None else -1  # the last node of the path found so far
        self.fine_cutoff = cutoff
        self.branch = 0
        self.is_fine = np.zeros(1, np.bool_)  # whether a node is in the branch, by node

    def descend(self, active: I64, frame: I32, mass: F64, depth: int) -> I64:
        """Add the level below the nodes of `active`; return the samples still followed."""
        span = int(frame.max()) + 1
        key = self.node[active].astype(np.int64) * span + frame
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        group_mass = np.add.reduceat(mass[active[order]], starts, axis=0)
        group_key = ordered[starts]
        parent, child_frame = group_key // span, (group_key % span).astype(np.int32)
        kept: npt.NDArray[np.bool_] = np.any(group_mass >= self.cutoff, axis=1)
        stop = self._keep_branch(kept, parent, child_frame, group_mass, depth)
        child = self._add(parent, child_frame, kept, active[order[starts]])
        self._follow_branch(child, stop, group_mass, depth)
        sizes = np.diff(np.append(starts, len(ordered)))
        self.node[active[order]] = np.repeat(child, sizes)
        followed = np.zeros(len(active), np.bool_)
        followed[order] = np.repeat(kept, sizes)
        return active[followed]

    def _keep_branch(
        self, kept: npt.NDArray[np.bool_], parent: I64, frame: I32, mass: F64, depth: int
    ) -> int:
        """Keep what belongs to the zoomed branch; return the group that is its next step, or -1."""
        if self.zoom is None:
            return -1
        fine = self.is_fine[parent]
        kept |= fine & np.any(mass >= self.fine_cutoff, axis=1)
        if self.on_path < 0 or depth >= len(self.zoom.path):
            return -1
        found = np.flatnonzero((parent == self.on_path) & (frame == self.zoom.path[depth]))
        self.on_path = -1
        kept[found] = True
        return int(found[0]) if found.size else -1

    def _follow_branch(self, child: I32, step: int, mass: F64, depth: int) -> None:
        if self.zoom is None:
            return
        fine = np.zeros(self.size, np.bool_)
        fine[: len(self.is_fine)] = self.is_fine
        parents = self.parents[-1]
        fine[self.size - len(parents) :] = self.is_fine[parents]
        if step >= 0:
            self.on_path = int(child[step])
            if depth + 1 == len(self.zoom.path):
                fine[self.on_path] = True
                self.branch = self.on_path
                self.fine_cutoff = np.maximum(mass[step] * self.zoom.share, 1.0)
        self.is_fine = fine

    def _add(self, parent: I64, frame: I32, kept: npt.NDArray[np.bool_], sample: I64) -> I32:
        """Append kept groups and one rest node a parent; return the node of each group."""
        # Groups come sorted by (parent, frame). A rest node sorts behind its siblings.
        rest_parent, rest_first, rest_of, rest_count = np.unique(
            parent[~kept], return_index=True, return_inverse=True, return_counts=True
        )
        parents = np.concatenate([parent[kept], rest_parent])
        frames = np.concatenate([frame[kept], np.full(len(rest_parent), REST, np.int32)])
        counts = np.concatenate([np.zeros(int(kept.sum()), np.int64), rest_count])
        samples = np.concatenate([sample[kept], sample[~kept][rest_first]])
        order = np.argsort(parents, kind="stable")
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(self.size, self.size + len(order), dtype=np.int32)
        self.parents.append(parents[order].astype(np.int32))
        self.frames.append(frames[order])
        self.folded.append(counts[order].astype(np.int32))
        self.samples.append(samples[order].astype(np.int32))
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
            np.concatenate(self.samples),
            self.branch,
        )
