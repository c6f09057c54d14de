"""Horizontal places: the order of each row is kept, edges become short and straight.

Starts from the four alignments of Brandes and Köpf, "Fast and Simple Horizontal Coordinate
Assignment" (compacted by longest paths over blocks), and then sweeps over the rows: given
its neighbours, a row's best places under least distances are an isotonic regression, which
the pool-adjacent-violators method solves exactly.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from whet.analyze.layout.levels import Levels

__all__ = ["Extents", "place_rows"]

_MOST_SWEEPS = 100
_WORK = 60_000  # node visits of all sweeps together, which bounds the time
_STRIDE = 1.6  # successive over-relaxation: a row goes farther than it wants, and arrives sooner
_STILL = 0.25
_LOOSE = 1e-3  # the weight with which a node without edges stays where it is


@dataclass(slots=True)
class Extents:
    """How far each node reaches to the left and right of its axis, and the gap it wants beside it."""

    left: list[float]
    right: list[float]
    gap: list[float]

    def separation(self, one: int, other: int) -> float:
        """Return the least distance of the axes of two neighbours."""
        return self.right[one] + self.left[other] + (self.gap[one] + self.gap[other]) / 2


def place_rows(levels: Levels, extents: Extents, pull: dict[tuple[int, int], float]) -> list[float]:
    """Return the place of each node's axis.

    Args:
        levels: rows in their final order.
        extents: sizes, by node.
        pull: how strongly an edge between (upper, lower) wants to be vertical.
    """
    conflicts = _conflicts(levels)
    runs = [
        _aligned(levels, extents, conflicts, downwards=downwards, leftwards=leftwards)
        for downwards in (True, False)
        for leftwards in (True, False)
    ]
    x = _averaged(runs)
    neighbours: list[list[tuple[int, float]]] = [[] for _ in levels.up]
    for (upper, lower), weight in pull.items():
        neighbours[upper].append((lower, weight))
        neighbours[lower].append((upper, weight))
    for number in range(max(8, min(_MOST_SWEEPS, _WORK // len(x)))):
        before = x.copy()
        for row in levels.rows if number % 2 else levels.rows[::-1]:
            _settle(row, neighbours, extents, x)
        if max(abs(a - b) for a, b in zip(before, x, strict=True)) < _STILL:
            break
    return x


def _conflicts(levels: Levels) -> set[tuple[int, int]]:
    """Return edges that cross one between two dummies, which has the right of way."""
    place, found = levels.positions(), set()
    for row in levels.rows[1:]:
        inner = [
            (i, place[levels.up[node][0]])
            for i, node in enumerate(row)
            if node >= levels.boxes and levels.up[node][0] >= levels.boxes
        ]
        if not inner:
            continue
        for i, node in enumerate(row):
            for above in levels.up[node]:
                if node >= levels.boxes and above >= levels.boxes:
                    continue
                p = place[above]
                if any((i < j) != (p < q) and i != j and p != q for j, q in inner):
                    found.add((above, node))
    return found


def _aligned(
    levels: Levels, extents: Extents, conflicts: set[tuple[int, int]], *, downwards: bool, leftwards: bool
) -> list[float]:
    """Align every node with a median neighbour where possible; return the compacted places."""
    near = levels.up if downwards else levels.down
    rows = levels.rows if downwards else levels.rows[::-1]
    place = levels.positions()
    root = list(range(len(near)))
    aligned = [False] * len(near)
    for row in rows:
        limit = -1 if leftwards else 1 << 60
        for node in row if leftwards else row[::-1]:
            ends = sorted(near[node], key=lambda n: place[n])
            if not ends:
                continue
            middle = (len(ends) - 1) / 2
            choices = sorted({int(middle), int(middle + 0.5)}, reverse=not leftwards)
            for choice in choices:
                end = ends[choice]
                pair = (end, node) if downwards else (node, end)
                free = place[end] > limit if leftwards else place[end] < limit
                if not aligned[end] and free and pair not in conflicts:
                    root[node] = root[end]
                    aligned[end] = True
                    limit = place[end]
                    break
    return _compacted(levels, extents, root, leftwards=leftwards)


def _compacted(levels: Levels, extents: Extents, root: list[int], *, leftwards: bool) -> list[float]:
    """Push blocks to one side, then back as far as their neighbours leave room."""
    edges: dict[tuple[int, int], float] = {}
    for row in levels.rows:
        for one, other in itertools.pairwise(row):
            pair = (root[one], root[other])
            edges[pair] = max(edges.get(pair, 0.0), extents.separation(one, other))
    out: dict[int, list[tuple[int, float]]] = {}
    into: dict[int, list[tuple[int, float]]] = {}
    for (one, other), distance in edges.items():
        out.setdefault(one, []).append((other, distance))
        into.setdefault(other, []).append((one, distance))
    order = _topological(sorted(set(root)), out, into)
    if not leftwards:
        order.reverse()
        out, into = into, out
    place: dict[int, float] = {}
    for block in order:
        place[block] = max((place[b] + d for b, d in into.get(block, ())), default=0.0)
    for block in reversed(order):
        if into.get(block) and not out.get(block):
            continue
        room = min((place[b] - d for b, d in out.get(block, ())), default=place[block])
        place[block] = max(place[block], room)
    sign = 1.0 if leftwards else -1.0
    return [sign * place[block] for block in root]


def _topological(
    blocks: list[int], out: dict[int, list[tuple[int, float]]], into: dict[int, list[tuple[int, float]]]
) -> list[int]:
    waiting = {block: len(into.get(block, ())) for block in blocks}
    order = [block for block in blocks if not waiting[block]]
    for block in order:
        for other, _ in out.get(block, ()):
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order


def _averaged(runs: list[list[float]]) -> list[float]:
    """Line the runs up with the narrowest and take the mean of the two middle places."""
    widths = [max(run) - min(run) for run in runs]
    best = runs[widths.index(min(widths))]
    low, high = min(best), max(best)
    shifted = []
    for number, run in enumerate(runs):
        shift = low - min(run) if number % 2 == 0 else high - max(run)
        shifted.append([x + shift for x in run])
    return [sum(sorted(places)[1:3]) / 2 for places in zip(*shifted, strict=True)]


def _settle(
    row: list[int], neighbours: list[list[tuple[int, float]]], extents: Extents, x: list[float]
) -> None:
    """Move the nodes of a row to the weighted means of their neighbours, keeping distances."""
    offset, offsets = 0.0, []
    blocks: list[tuple[float, float, int]] = []  # mean, weight, number of nodes
    previous = -1
    for node in row:
        if previous >= 0:
            offset += extents.separation(previous, node)
        previous = node
        offsets.append(offset)
        weight, moment = _LOOSE, _LOOSE * x[node]
        for other, pull in neighbours[node]:
            weight += pull
            moment += pull * x[other]
        target = x[node] + _STRIDE * (moment / weight - x[node])
        mean, size = target - offset, 1
        while blocks and blocks[-1][0] >= mean:
            left, mass, count = blocks.pop()
            mean = (left * mass + mean * weight) / (mass + weight)
            weight += mass
            size += count
        blocks.append((mean, weight, size))
    place = iter(row)
    start = 0
    for mean, _, size in blocks:
        for i in range(start, start + size):
            x[next(place)] = mean + offsets[i]
        start += size
