"""Layered layout of a directed graph (Sugiyama's method), in five steps.

    cycles      some edges are turned, so that all run downwards
    ranks       each node gets a row
    crossings   each row gets an order
    position    each node gets a place
    routes      edges become curves between the boxes

An edge's label has a place of its own between two rows, so labels never cover each other,
boxes or other edges. Deterministic: equal input, equal picture. No formatting.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

from whet.analyze.layout.crossings import reduce_crossings
from whet.analyze.layout.cycles import back_edges
from whet.analyze.layout.levels import Levels, build_levels, split_levels
from whet.analyze.layout.model import Box, Layout, Link, Point, Route, Spacing
from whet.analyze.layout.parts import connected_parts, pack
from whet.analyze.layout.position import Extents, place_rows
from whet.analyze.layout.ranks import Arc, assign_ranks
from whet.analyze.layout.routes import Frame, loop_width, route_edges

__all__ = ["layout_graph"]

_MOST_WEIGHT = 1000


def layout_graph(boxes: list[Box], links: list[Link], spacing: Spacing | None = None) -> Layout:
    """Place boxes and route links.

    Raises:
        IndexError: a link ends at a box that is not there.
    """
    spacing = spacing or Spacing()
    parts, drawn = connected_parts(len(boxes), links), []
    number = {node: i for nodes in parts for i, node in enumerate(nodes)}
    owner = {node: p for p, nodes in enumerate(parts) for node in nodes}
    rows: list[list[int]] = [[] for _ in parts]
    for row, link in enumerate(links):
        rows[owner[link.tail]].append(row)
    for nodes, mine in zip(parts, rows, strict=True):
        local = [replace(links[r], tail=number[links[r].tail], head=number[links[r].head]) for r in mine]
        drawn.append(_layout_part([boxes[n] for n in nodes], local, spacing))
    corners, (width, height) = pack([(d.width, d.height) for d in drawn], spacing.part)
    centers: list[Point] = [(0.0, 0.0)] * len(boxes)
    routes: list[Route] = [Route([], None, False)] * len(links)
    for nodes, mine, part, corner in zip(parts, rows, drawn, corners, strict=True):
        for node, center in zip(nodes, part.centers, strict=True):
            centers[node] = _moved(center, corner)
        for row, route in zip(mine, part.routes, strict=True):
            label = None if route.label is None else _moved(route.label, corner)
            routes[row] = Route([_moved(p, corner) for p in route.points], label, route.backward)
    return Layout(width, height, centers, routes, sum(d.crossings for d in drawn))


def _moved(point: Point, by: Point) -> Point:
    return point[0] + by[0], point[1] + by[1]


def _layout_part(boxes: list[Box], links: list[Link], spacing: Spacing) -> Layout:
    back = back_edges(len(boxes), links)
    across = [row for row, link in enumerate(links) if link.tail != link.head]
    pairs = [(links[r].head, links[r].tail) if back[r] else (links[r].tail, links[r].head) for r in across]
    arcs = [
        Arc(upper, lower, min(max(1, links[r].weight), _MOST_WEIGHT), max(1, links[r].length))
        for r, (upper, lower) in zip(across, pairs, strict=True)
    ]
    levels = build_levels(assign_ranks(len(boxes), arcs), pairs)
    crossings = reduce_crossings(levels)
    gaps = _label_gaps(levels, [links[r] for r in across], spacing)
    split = split_levels(levels, {g for g in gaps if g >= 0})
    labelled = _labelled(split, gaps)
    extents = _extents(split, boxes, links, across, labelled, spacing)
    x = place_rows(split, extents, _pull(split, arcs))
    frame = Frame(boxes, links, across, back, split, labelled, extents, x, spacing)
    return route_edges(frame, crossings)


def _label_gaps(levels: Levels, links: list[Link], spacing: Spacing) -> list[int]:
    """Choose for each link the gap (by the row above) that holds its label: the least wide it crosses."""
    row_of = {node: r for r, row in enumerate(levels.rows) for node in row}
    spans = [(row_of[chain[0]], row_of[chain[-1]]) for chain in levels.chains]
    width = [0.0] * len(levels.rows)
    for first, last in spans:
        for gap in range(first, last):
            width[gap] += spacing.edge
    gaps = [-1] * len(links)
    # Edges with one gap only have no choice, so they come first.
    for edge in sorted(range(len(links)), key=lambda e: spans[e][1] - spans[e][0]):
        first, last = spans[edge]
        if links[edge].label_width:
            # Of equal gaps the one nearest the lower end, which has a box of its own.
            gap = min(range(first, last), key=lambda g: (width[g], -g))
            width[gap] += links[edge].label_width
            gaps[edge] = gap
    return gaps


def _labelled(levels: Levels, gaps: list[int]) -> list[int]:
    """Return the dummy that carries each link's label, -1 where there is none.

    Rows were added below those of `gaps`, so a gap's row is found by counting.
    """
    added = sorted({g for g in gaps if g >= 0})
    row_of_gap = {gap: gap + i + 1 for i, gap in enumerate(added)}
    place = {node: r for r, row in enumerate(levels.rows) for node in row}
    found = []
    for chain, gap in zip(levels.chains, gaps, strict=True):
        found.append(next(n for n in chain if place[n] == row_of_gap[gap]) if gap >= 0 else -1)
    return found


def _extents(
    levels: Levels,
    boxes: list[Box],
    links: list[Link],
    across: list[int],
    labelled: list[int],
    spacing: Spacing,
) -> Extents:
    count = len(levels.up)
    left, right, gap = [0.0] * count, [0.0] * count, [spacing.edge] * count
    for node, box in enumerate(boxes):
        left[node] = right[node] = box.width / 2
        gap[node] = spacing.box
    for node, width in loop_width(links).items():
        right[node] += width
    for row, chain, dummy in zip(across, levels.chains, labelled, strict=True):
        half = links[row].thickness / 2
        for node in chain[1:-1]:
            left[node] = right[node] = half
        if dummy >= 0:
            right[dummy] = half + links[row].label_width
    return Extents(left, right, gap)


def _pull(levels: Levels, arcs: list[Arc]) -> dict[tuple[int, int], float]:
    """Return how straight each piece of an edge wants to be: pieces far from boxes most."""
    pull: dict[tuple[int, int], float] = {}
    for chain, arc in zip(levels.chains, arcs, strict=True):
        weight = 1 + math.log2(arc.weight)
        for above, below in itertools.pairwise(chain):
            ends = (above < levels.boxes) + (below < levels.boxes)
            pull[above, below] = pull.get((above, below), 0.0) + weight * (8, 2, 1)[ends]
    return pull
