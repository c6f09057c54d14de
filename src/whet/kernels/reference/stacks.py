"""Sums over stacks in plain Python/NumPy: the twin and oracle of native/codec/stacks.

Common arguments of all kernels here:
    stack_start: int64[n + 1], CSR of n samples over `stack`.
    stack: int32[frames], rows of locations, leaf first.
    node_start: int64[locations + 1], CSR of the locations over `nodes`.
    nodes: int32[...], the nodes of each location, innermost inlined call first, as small
        numbers 0 .. node_count - 1; -1 = hidden. What a node is (a function, a line, an
        address) is the caller's choice; a location without lines needs a node too.
    values: int64[n], one value column. Sums wrap around like int64.
    mask: bool[n] or None, the samples that count. A sample of value 0 counts unless masked.
The expanded stack of a sample is the nodes of all its locations in order, leaf first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["CallTree", "Edges", "call_tree", "edge_sums", "flat_cum", "row_groups", "tree_values"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_CHUNK_FRAMES = 1 << 20


class Edges(NamedTuple):
    """Caller-callee pairs, ordered by (caller, callee).

    caller, callee: int32[e], nodes; never equal.
    weight: int64[e], sum over the samples that contain the edge, each counted once.
    residual: bool[e], some occurrence goes over hidden nodes.
    inline: bool[e], every occurrence is a call inlined into its caller's location.
    """

    caller: I32
    callee: I32
    weight: I64
    residual: Flags
    inline: Flags


class CallTree(NamedTuple):
    """Prefix tree of stacks from the root; hidden nodes are left out. Row 0 is the root.

    parent: int32[rows], -1 for the root; a parent's row is always smaller than its child's.
    node: int32[rows], -1 for the root. Rows are in order of first appearance.
    sample_row: int32[n], the row of each sample's innermost visible frame, 0 where it has
        none, -1 for masked samples.
    """

    parent: I32
    node: I32
    sample_row: I32


def flat_cum(
    stack_start: I64,
    stack: I32,
    node_start: I64,
    nodes: I32,
    values: I64,
    node_count: int,
    mask: Flags | None = None,
) -> tuple[I64, I64]:
    """Return (flat, cum), int64[node_count] each.

    cum counts a node once a sample however often it occurs; flat is the value of samples whose
    innermost node it is, and vanishes where that one is hidden.
    """
    flat, cum = np.zeros(node_count, np.int64), np.zeros(node_count, np.int64)
    for sample, node, _ in _expanded(stack_start, stack, node_start, nodes, mask):
        leaf = np.ones(len(sample), np.bool_)
        leaf[1:] = sample[1:] != sample[:-1]
        leaf &= node >= 0
        np.add.at(flat, node[leaf], values[sample[leaf]])
        visible = node >= 0
        pairs = np.sort(sample[visible] * node_count + node[visible])
        pairs = pairs[np.diff(pairs, prepend=-1) != 0]
        np.add.at(cum, pairs % max(node_count, 1), values[pairs // max(node_count, 1)])
    return flat, cum


def edge_sums(
    stack_start: I64,
    stack: I32,
    node_start: I64,
    nodes: I32,
    values: I64,
    node_count: int,
    mask: Flags | None = None,
) -> Edges:
    """Return the weight of every caller-callee pair of neighbours, hidden nodes skipped.

    The flags of an edge that a sample has several times are those of the one nearest the root.
    """
    found: dict[int, list[int]] = {}
    for sample, node, inlined in _expanded(stack_start, stack, node_start, nodes, mask):
        place = np.flatnonzero(node >= 0)
        callee, caller = place[:-1], place[1:]
        keep = (sample[callee] == sample[caller]) & (node[callee] != node[caller])
        callee, caller = callee[keep][::-1], caller[keep][::-1]
        pair = node[caller] * node_count + node[callee]
        once = _first_of_each(sample[callee], pair)
        callee, caller, pair = callee[once], caller[once], pair[once]
        rows = zip(
            pair.tolist(),
            values[sample[callee]].tolist(),
            (caller - callee > 1).tolist(),
            inlined[callee].tolist(),
            strict=True,
        )
        for key, value, residual, inline in rows:
            edge = found.setdefault(key, [0, 0, 1])
            edge[0] += value
            edge[1] |= residual
            edge[2] &= inline
    keys = sorted(found)
    pairs = np.array(keys, np.int64)
    weights = [(found[k][0] + (1 << 63)) % (1 << 64) - (1 << 63) for k in keys]
    return Edges(
        caller=(pairs // max(node_count, 1)).astype(np.int32),
        callee=(pairs % max(node_count, 1)).astype(np.int32),
        weight=np.array(weights, np.int64),
        residual=np.array([found[k][1] for k in keys], np.bool_),
        inline=np.array([found[k][2] for k in keys], np.bool_),
    )


def call_tree(
    stack_start: I64, stack: I32, node_start: I64, nodes: I32, mask: Flags | None = None
) -> CallTree:
    """Return the call tree. It depends on stacks only: values are summed by `tree_values`."""
    parent, node = [-1], [-1]
    rows: dict[tuple[int, int], int] = {}
    starts, ends = node_start.tolist(), nodes.tolist()
    root_first = [ends[a:b][::-1] for a, b in itertools.pairwise(starts)]
    frames, begin = stack.tolist(), stack_start.tolist()
    sample_row = np.full(len(begin) - 1, -1, np.int32)
    for sample in range(len(begin) - 1):
        if mask is not None and not mask[sample]:
            continue
        row = 0
        for location in reversed(frames[begin[sample] : begin[sample + 1]]):
            for name in root_first[location]:
                if name < 0:
                    continue
                child = rows.setdefault((row, name), len(parent))
                if child == len(parent):
                    parent.append(row)
                    node.append(name)
                row = child
        sample_row[sample] = row
    return CallTree(np.array(parent, np.int32), np.array(node, np.int32), sample_row)


def tree_values(parent: I32, sample_row: I32, values: I64) -> tuple[I64, I64]:
    """Return (self, total), int64[rows] each: total = self + the children's totals."""
    own = np.zeros(len(parent), np.int64)
    counted = sample_row >= 0
    np.add.at(own, sample_row[counted], values[counted])
    total = own.tolist()
    up = parent.tolist()
    for row in range(len(up) - 1, 0, -1):
        total[up[row]] += total[row]
    wrapped = [(t + (1 << 63)) % (1 << 64) - (1 << 63) for t in total]
    return own, np.array(wrapped, np.int64)


def row_groups(start: I64, cells: I32) -> I32:
    """Return int32[n]: equal rows of a CSR array get the same number, in order of appearance.

    Args:
        start: int64[n + 1], CSR over `cells`.
        cells: int32[...].
    """
    data, begin = cells.tobytes(), (start * cells.itemsize).tolist()
    groups: dict[bytes, int] = {}
    rows = (data[a:b] for a, b in itertools.pairwise(begin))
    return np.array([groups.setdefault(row, len(groups)) for row in rows], np.int32)


def _expanded(
    stack_start: I64, stack: I32, node_start: I64, nodes: I32, mask: Flags | None
) -> Iterator[tuple[I64, I64, Flags]]:
    """Yield expanded stacks of whole samples in chunks: sample, node, is it an inlined call."""
    n = len(stack_start) - 1
    begin = 0
    while begin < n:
        limit = int(stack_start[begin]) + _CHUNK_FRAMES
        end = max(begin + 1, int(np.searchsorted(stack_start, limit, "right")) - 1)
        depth = np.diff(stack_start[begin : end + 1])
        sample = np.repeat(np.arange(begin, end), depth)
        location = stack[stack_start[begin] : stack_start[end]]
        if mask is not None:
            sample, location = sample[mask[sample]], location[mask[sample]]
        count = (node_start[1:] - node_start[:-1])[location]
        first = np.repeat(node_start[:-1][location] - (np.cumsum(count) - count), count)
        place = first + np.arange(len(first))
        inlined = place != np.repeat(node_start[1:][location] - 1, count)
        yield np.repeat(sample, count), nodes[place].astype(np.int64), inlined
        begin = end


def _first_of_each(sample: I64, pair: I64) -> I64:
    """Return the positions of the first occurrence of each (sample, pair), in any order."""
    order = np.lexsort((np.arange(len(pair)), pair, sample))
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (sample[order][1:] != sample[order][:-1]) | (pair[order][1:] != pair[order][:-1])
    return order[fresh]
