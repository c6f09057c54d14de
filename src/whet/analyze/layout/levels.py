"""Nodes in rows, with a dummy wherever an edge passes a row: the proper graph that is drawn.

Nodes 0 .. boxes - 1 are boxes, later numbers are dummies. Every edge is a chain of nodes in
neighbouring rows, from top to bottom.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

__all__ = ["Levels", "build_levels", "split_levels"]


@dataclass(slots=True)
class Levels:
    """A proper layered graph.

    Attributes:
        boxes: how many of the nodes are boxes.
        rows: the nodes of each row, from left to right.
        chains: the nodes of each edge, from top to bottom.
        up, down: neighbours of each node in the row above and in the row below.
    """

    boxes: int
    rows: list[list[int]]
    chains: list[list[int]]
    up: list[list[int]]
    down: list[list[int]]

    def positions(self) -> list[int]:
        """Return the place of each node in its row."""
        place = [0] * len(self.up)
        for row in self.rows:
            for i, node in enumerate(row):
                place[node] = i
        return place


def build_levels(rank: list[int], pairs: list[tuple[int, int]]) -> Levels:
    """Put nodes into rows by rank, and a dummy for every pair (upper, lower) on each rank between."""
    rows: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for node, r in enumerate(rank):
        rows[r].append(node)
    chains, following = [], len(rank)
    for upper, lower in pairs:
        chain = [upper]
        for r in range(rank[upper] + 1, rank[lower]):
            rows[r].append(following)
            chain.append(following)
            following += 1
        chains.append([*chain, lower])
    return _connected(len(rank), rows, chains, following)


def split_levels(levels: Levels, gaps: set[int]) -> Levels:
    """Add a row into each of the gaps (numbered by the row above), a dummy on it for each edge.

    The dummies are in the order in which straight edges would pass, so no crossing is added.
    """
    place, sizes = levels.positions(), [max(1, len(row)) for row in levels.rows]
    row_of = {node: r for r, row in enumerate(levels.rows) for node in row}
    following = len(levels.up)
    passing: dict[int, list[tuple[float, int]]] = {gap: [] for gap in gaps}
    chains = []
    for chain in levels.chains:
        split = [chain[0]]
        for above, below in itertools.pairwise(chain):
            gap = row_of[above]
            if gap in passing:
                key = (place[above] + 0.5) / sizes[gap] + (place[below] + 0.5) / sizes[gap + 1]
                passing[gap].append((key, following))
                split.append(following)
                following += 1
            split.append(below)
        chains.append(split)
    rows: list[list[int]] = []
    for r, row in enumerate(levels.rows):
        rows.append(row)
        if r in passing:
            rows.append([node for _, node in sorted(passing[r])])
    return _connected(levels.boxes, rows, chains, following)


def _connected(boxes: int, rows: list[list[int]], chains: list[list[int]], count: int) -> Levels:
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    for chain in chains:
        for above, below in itertools.pairwise(chain):
            down[above].append(below)
            up[below].append(above)
    return Levels(boxes, rows, chains, up, down)
