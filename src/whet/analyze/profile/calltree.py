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

from whet import kernels
from whet.kernels.reference.trees import REST, ROOT

__all__ = ["REST", "ROOT", "CallTree", "Walk", "Zoom", "build_call_tree", "build_tree"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


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
    frame_count = int(stack_frame.max(initial=-1)) + 1
    return build_tree(stack_frame, frame_count, walk, mass, cutoff, max_nodes=max_nodes)


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
    frame_count: int,
    walk: Walk,
    mass: F64,
    cutoff: F64,
    *,
    zoom: Zoom | None = None,
    max_nodes: int | None = None,
) -> CallTree | None:
    """Build the tree of paths through `frames`, one a sample.

    Args: as those of `build_call_tree`; frames are below `frame_count`; `zoom` names the branch that
    is complete further down.

    Returns:
        The tree, or None if it would have more than `max_nodes` nodes.
    """
    path, share = (np.zeros(0, np.int32), 0.0) if zoom is None else (zoom.path, zoom.share)
    grown = kernels.grow_tree(
        frames, frame_count, walk.first, walk.length, walk.step, mass, cutoff, path, share, max_nodes or 0
    )
    return None if grown is None else CallTree(*grown)
