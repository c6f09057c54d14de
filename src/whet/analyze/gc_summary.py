"""Garbage collections in sum: how many of each kind, how long, and the longest ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whet.formats.gctrace import Collections

__all__ = ["GcSummary", "Kind", "summarize"]

LONGEST = 5


@dataclass(frozen=True)
class Kind:
    """Collections of one kind: `full` ones look at all objects, `young` ones at new ones."""

    name: str
    count: int
    pause_ms: float
    longest_ms: float


@dataclass(frozen=True)
class GcSummary:
    """What is known of all collections.

    Attributes:
        kinds: young, full and all; a line that full and young collections share counts as full.
        span_s: from the start of recording to the last collection's end.
        longest: the lines with the longest pauses, longest first.
    """

    kinds: list[Kind]
    span_s: float
    longest: list[Collections]

    @property
    def share(self) -> float:
        """Share of the time spent collecting."""
        return self.kinds[-1].pause_ms / 1e3 / self.span_s if self.span_s else 0.0


def summarize(lines: Sequence[Collections]) -> GcSummary:
    """Sum up the lines of one recording."""
    parts = {
        "young": [line for line in lines if not line.full],
        "full": [line for line in lines if line.full],
        "all": lines,
    }
    kinds = [
        Kind(
            name,
            sum(line.count for line in part),
            sum(line.pause_ms for line in part),
            max((line.longest_ms for line in part), default=0.0),
        )
        for name, part in parts.items()
    ]
    ends = (max(line.end_s, line.begin_s + line.longest_ms / 1e3) for line in lines)
    longest = sorted(lines, key=lambda line: -line.longest_ms)[:LONGEST]
    return GcSummary(kinds, max(ends, default=0.0), longest)
