"""Call trees cut below a threshold: the twin and oracle of native/codec/trees.

Level by level, so that what falls below the threshold is never expanded. Sums are of whole
numbers below 2^53, so that their order makes no difference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["REST", "ROOT", "GrownTree", "count_flags", "flag_ends", "grow_tree"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ROOT = -1
REST = -2


class GrownTree(NamedTuple):
    """A tree in breadth-first order; the children of a node by frame, then its rest node.

    parent: int32[nodes], -1 for node 0.
    frame: int32[nodes], `ROOT` for node 0, or `REST`.
    folded: int32[nodes], how many frames a rest node stands for, else 0.
    node_of_sample: int32[n], where each sample ends.
    sample: int32[nodes], the first sample that goes through each node; -1 for node 0.
    branch: the node at the end of the path that was asked for, 0 if there is none.
    """

    parent: I32
    frame: I32
    folded: I32
    node_of_sample: I32
    sample: I32
    branch: int


def grow_tree(
    frames: I32,
    frame_count: int,
    first: I64,
    length: I64,
    step: int,
    mass: F64,
    cutoff: F64,
    path: I32,
    share: float,
    max_nodes: int,
) -> GrownTree | None:
    """Grow the tree of paths through `frames`: frames[first], frames[first + step], ...

    Args:
        frames: int32[steps].
        frame_count: every frame that is met is below it.
        first: int64[n], where the path of each sample begins.
        length: int64[n], how many frames it has.
        step: 1 or -1.
        mass: float64[n, t], whole numbers.
        cutoff: float64[t]; a node whose mass is below it in every type becomes rest.
        path: int32[depth], the frames from the root down to a branch that is seen closely.
        share: a node below the branch is kept from this share of the branch's mass on.
        max_nodes: give up (None) beyond this size; 0 for any.
    """
    levels = _Levels(len(mass), cutoff, path, share)
    active = np.flatnonzero(length > 0)
    depth = 0
    while active.size:
        frame = frames[first[active] + step * depth]
        if not 0 <= int(frame.min()) <= int(frame.max()) < frame_count:
            raise ValueError("a frame is not below frame_count")
        active = levels.descend(active, frame, mass, depth)
        if max_nodes and levels.size > max_nodes:
            return None
        depth += 1
        active = active[length[active] > depth]
    return levels.tree()


def count_flags(start: I64, flags: Flags, rows: I32 | None = None) -> I64:
    """Count the set flags in each row of a CSR array: int64[rows].

    `flags` are those of the elements, or of a table whose `rows` the elements are.
    """
    flags = flags if rows is None else flags[rows]
    running = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=running[1:])
    counts: I64 = running[start[1:]] - running[start[:-1]]
    return counts


def flag_ends(start: I64, flags: Flags, rows: I32 | None = None) -> tuple[I64, I64]:
    """Return the places of the first and the last set flag in each row of a CSR array, or -1.

    `flags` and `rows` as for `count_flags`.
    """
    flags = flags if rows is None else flags[rows]
    place = np.flatnonzero(flags)
    row = np.searchsorted(start, place, side="right") - 1
    first, last = np.full(len(start) - 1, -1, np.int64), np.full(len(start) - 1, -1, np.int64)
    first[row[::-1]] = place[::-1]
    last[row] = place
    return first, last


class _Levels:
    """The nodes found so far, one level at a time."""

    def __init__(self, samples: int, cutoff: F64, path: I32, share: float) -> None:
        self.size = 1
        self.node = np.zeros(samples, np.int32)
        self.parents = [np.full(1, -1, np.int32)]
        self.frames = [np.full(1, ROOT, np.int32)]
        self.folded = [np.zeros(1, np.int32)]
        self.samples = [np.full(1, -1, np.int32)]
        self.cutoff = cutoff
        self.path, self.share = path, share
        self.on_path = 0 if len(path) else -1  # the last node of the path found so far
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
        if not len(self.path):
            return -1
        fine = self.is_fine[parent]
        kept |= fine & np.any(mass >= self.fine_cutoff, axis=1)
        if self.on_path < 0 or depth >= len(self.path):
            return -1
        found = np.flatnonzero((parent == self.on_path) & (frame == self.path[depth]))
        self.on_path = -1
        kept[found] = True
        return int(found[0]) if found.size else -1

    def _follow_branch(self, child: I32, step: int, mass: F64, depth: int) -> None:
        if not len(self.path):
            return
        fine = np.zeros(self.size, np.bool_)
        fine[: len(self.is_fine)] = self.is_fine
        parents = self.parents[-1]
        fine[self.size - len(parents) :] = self.is_fine[parents]
        if step >= 0:
            self.on_path = int(child[step])
            if depth + 1 == len(self.path):
                fine[self.on_path] = True
                self.branch = self.on_path
                self.fine_cutoff = np.maximum(mass[step] * self.share, 1.0)
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

    def tree(self) -> GrownTree:
        return GrownTree(
            np.concatenate(self.parents),
            np.concatenate(self.frames),
            np.concatenate(self.folded),
            self.node,
            np.concatenate(self.samples),
            self.branch,
        )
