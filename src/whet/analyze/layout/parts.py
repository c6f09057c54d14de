"""Separate parts of a graph: found, and packed beside and below each other."""

from __future__ import annotations

import math

from whet.analyze.layout.model import Link, Point

__all__ = ["connected_parts", "pack"]

_ASPECT = 1.6  # the width to height that the whole picture aims at


def connected_parts(count: int, links: list[Link]) -> list[list[int]]:
    """Return the nodes of each connected part, in order; parts in order of their first node."""
    leader = list(range(count))

    def find(node: int) -> int:
        while leader[node] != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for link in links:
        one, other = find(link.tail), find(link.head)
        leader[max(one, other)] = min(one, other)
    parts: dict[int, list[int]] = {}
    for node in range(count):
        parts.setdefault(find(node), []).append(node)
    return list(parts.values())


def pack(sizes: list[Point], gap: float) -> tuple[list[Point], Point]:
    """Return the upper left corner of each rectangle, and the size of all: shelves, tallest first."""
    if not sizes:
        return [], (0.0, 0.0)
    area = sum((w + gap) * (h + gap) for w, h in sizes)
    limit = max(*(w for w, _ in sizes), math.sqrt(area * _ASPECT))
    corners: list[Point] = [(0.0, 0.0)] * len(sizes)
    x = y = shelf = widest = 0.0
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i][1], i)):
        width, height = sizes[i]
        if x > 0 and x + width > limit:
            x, y, shelf = 0.0, y + shelf + gap, 0.0
        corners[i] = (x, y)
        shelf = max(shelf, height)
        widest = max(widest, x + width)
        x += width + gap
    return corners, (widest, y + shelf)
