"""Intervals and Amdahl bounds as text columns."""

from __future__ import annotations

import math

from whet.analyze.profile.intervals import Interval, Intervals, amdahl_bound

__all__ = ["INTERVAL_TITLES", "bound_text", "interval_note", "interval_text"]

INTERVAL_TITLES = f"{'flat 95 %':>13} {'cum 95 %':>13} {'if free':>8}"
_LARGEST_BOUND = 1000.0


def interval_note(intervals: Intervals) -> str:
    """Say what the intervals rest upon."""
    if intervals.reason:
        return f"Intervals: {intervals.reason}"
    note = f"Intervals: 95 %, from {intervals.samples} samples"
    if intervals.samples is not None and intervals.effective < 0.995 * intervals.samples:
        note += f" worth {intervals.effective:.0f} independent ones"
    return note + (" (too few to say much)" if intervals.few else "")


def interval_text(intervals: Intervals, node: int, flat: int, cum: int) -> str:
    """Write the columns named by `INTERVAL_TITLES`; a difference has no Amdahl bound."""
    share = cum / intervals.total if intervals.total else 0.0
    no_bound = intervals.reason or intervals.by_node is not None
    bound = "." if no_bound else bound_text(amdahl_bound(share))
    flat_range, cum_range = intervals.of_node(node, flat, cum)
    return f"{_range(flat_range):>13} {_range(cum_range):>13} {bound:>8}"


def bound_text(bound: float) -> str:
    """Write an Amdahl bound: how many times faster at most."""
    return "all" if math.isinf(bound) or bound > _LARGEST_BOUND else f"{bound:.2f}x"


def _range(interval: Interval | None) -> str:
    return "." if interval is None else f"{100 * interval.low:.1f}..{100 * interval.high:.1f}%"
