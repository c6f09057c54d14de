"""The bars of a picture of durations: equal steps of their logarithm, from the smallest to the largest.

Durations of a server span powers of ten, and what matters is at the long end: equal steps of time, which
hey draws, show one long bar and ten empty ones.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from whet.analyze.load.histogram import Histogram

__all__ = ["Bar", "bars"]

_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


@dataclass(frozen=True)
class Bar:
    """How many durations were at least `low_ns` and less than `high_ns`."""

    low_ns: int
    high_ns: int
    count: int


def bars(histogram: Histogram, most: int = 16) -> list[Bar]:
    """Return at most about `most` bars between round numbers; the first and the last are not empty."""
    if not histogram.count:
        return []
    edges = _edges(histogram.lowest_ns, histogram.highest_ns)
    while len(edges) - 1 > most:
        last = edges[-1]
        edges = edges[::2]
        if edges[-1] != last:
            edges.append(last)
    found = [Bar(low, high, histogram.count_between(low, high)) for low, high in itertools.pairwise(edges)]
    # Bucket edges are not round numbers: what falls between belongs to the last bar.
    missing = histogram.count - sum(bar.count for bar in found)
    found[-1] = Bar(found[-1].low_ns, found[-1].high_ns, found[-1].count + missing)
    if not found[0].count:
        # The lowest shares its bucket with the next edge, and is known exactly.
        place = next(place for place, bar in enumerate(found) if bar.count)
        found[0] = replace(found[0], count=1)
        found[place] = replace(found[place], count=found[place].count - 1)
    return found


def _edges(lowest_ns: int, highest_ns: int) -> list[int]:
    """Return round numbers that enclose both."""
    decade, edges = 1, [0] if lowest_ns < 1 else []
    while True:
        for step in _STEPS:
            edge = round(step * decade)
            if edges and edge <= edges[-1]:
                continue
            if edge > highest_ns:
                return [*edges, edge] if edges else [0, edge]
            if edge <= lowest_ns:
                edges = [edge]
            else:
                edges.append(edge)
        decade *= 10
