"""Stacks as steps in plain NumPy: the twin and oracle of native/codec/steps.

A step is a node that a sample passes. Laid out once, steps serve every tree and sum of a view
without the detour over locations and their lines.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["step_sums", "visible_steps"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def visible_steps(begin: I64, end: I64, stack: I32, node_start: I64, nodes: I32) -> tuple[I64, I32]:
    """Return (start, step): CSR of the visible nodes of each sample, leaf first.

    Args:
        begin: int64[n], with `end` the frames of each sample: stack[begin:end], leaf first.
        end: int64[n].
        stack: int32[frames], rows of locations.
        node_start: int64[locations + 1], CSR of the locations over `nodes`.
        nodes: int32[...], the nodes of each location, innermost first; -1 = hidden.
    """
    length = end - begin
    frame = np.repeat(end - np.cumsum(length), length) + np.arange(int(length.sum()))
    location = stack[frame]
    count = np.diff(node_start)[location]
    place = np.repeat(node_start[1:][location] - np.cumsum(count), count) + np.arange(int(count.sum()))
    sample = np.repeat(np.repeat(np.arange(len(length)), length), count)
    node = nodes[place]
    visible = node >= 0
    start = np.zeros(len(length) + 1, np.int64)
    np.cumsum(np.bincount(sample[visible], minlength=len(length)), out=start[1:])
    return start, node[visible]


def step_sums(
    start: I64, step: I32, values: I64, node_count: int, mask: Flags | None = None
) -> tuple[I64, I64]:
    """Return (flat, cum), int64[node_count] each; sums wrap around like int64.

    cum counts a node once a sample however often it occurs; flat is the value of samples that end in it.

    Args:
        start: int64[n + 1], CSR over `step`.
        step: int32[steps], nodes, leaf first.
        values: int64[n].
        node_count: every step is below it.
        mask: bool[n] or None, the samples that count.
    """
    flat, cum = np.zeros(node_count, np.int64), np.zeros(node_count, np.int64)
    counts = np.diff(start) > 0
    if mask is not None:
        counts &= mask
    np.add.at(flat, step[start[:-1][counts]], values[counts])
    sample = np.repeat(np.arange(len(values)), np.diff(start))
    pairs = np.unique((sample * max(1, node_count) + step)[counts[sample]])
    np.add.at(cum, pairs % max(1, node_count), values[pairs // max(1, node_count)])
    return flat, cum
