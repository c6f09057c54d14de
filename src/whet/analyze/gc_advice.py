"""What settings of the garbage collector would gain and cost, from runs of a program under each.

Rounds are pairs: a setting and the default, measured one after the other. Verdicts and intervals are those
of `analyze.bench.sequential`, which may be looked at after every round. It formats nothing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from whet.analyze.bench.sequential import DIFFERENT, OPEN, SAME, Decision, decide

__all__ = ["Advice", "Measured", "Row", "advise", "is_idle", "row_of"]


@dataclass(frozen=True)
class Measured:
    """One run of the program.

    Attributes:
        time_ns: what is compared.
        peak_rss_bytes: the largest resident size, 0 where nobody knows.
        pause_ns, longest_ns, collections: of the collector; None where the program left no report.
        thresholds: in force at the end.
    """

    time_ns: int
    peak_rss_bytes: int
    pause_ns: float | None = None
    longest_ns: float | None = None
    collections: int | None = None
    thresholds: tuple[int, ...] = ()


@dataclass
class Row:
    """What is known of one setting; `decision` and `memory_ratio` are None for the default itself."""

    setting: str
    runs: list[Measured]
    decision: Decision | None = None
    memory_ratio: float | None = None
    time_ns: float = field(init=False)
    peak_rss_bytes: float = field(init=False)

    def __post_init__(self) -> None:
        self.time_ns = statistics.median(run.time_ns for run in self.runs)
        self.peak_rss_bytes = statistics.median(run.peak_rss_bytes for run in self.runs)

    def median(self, name: str) -> float | None:
        """Return the median of an attribute of the runs, None where no run knows it."""
        values = [value for run in self.runs if (value := getattr(run, name)) is not None]
        return statistics.median(values) if values else None

    @property
    def pause_share(self) -> float | None:
        """Share of the time in collections."""
        shares = [run.pause_ns / run.time_ns for run in self.runs if run.pause_ns is not None]
        return statistics.median(shares) if shares else None


@dataclass(frozen=True)
class Advice:
    """What to do.

    Attributes:
        best: the row to choose, None where nothing is gained or known.
        is_open: some setting may gain more than the best known one does, but it is not known yet.
        is_idle: in every run the collector took less than the margin, so no setting can gain it.
        rounds_needed: an estimate of how many would decide, 0 where it is unknown.
        bound: the time without the automatic collector over the default's, None where that is not known.
    """

    best: Row | None
    is_open: bool
    is_idle: bool
    rounds_needed: int
    bound: Decision | None


def row_of(setting: str, pairs: Sequence[tuple[Measured, Measured]], margin: float) -> Row:
    """Compare a setting with the default.

    Args:
        setting: its text.
        pairs: (run under the default, run under the setting) of each round; at least one.
        margin: a relative difference that does not matter.
    """
    ratios = [math.log(new.time_ns / old.time_ns) for old, new in pairs]
    memory = [
        new.peak_rss_bytes / old.peak_rss_bytes
        for old, new in pairs
        if old.peak_rss_bytes and new.peak_rss_bytes
    ]
    return Row(
        setting,
        [new for _, new in pairs],
        decide(ratios, margin),
        statistics.median(memory) if memory else None,
    )


def is_idle(runs: Sequence[Measured], margin: float) -> bool:
    """Say whether in every run the collector took less than the margin's share of the time."""
    shares = [run.pause_ns / run.time_ns if run.pause_ns is not None else 1.0 for run in runs]
    return bool(shares) and max(shares) < margin


def advise(baseline: Row, rows: Sequence[Row], margin: float) -> Advice:
    """Choose: of the settings that are not clearly slower than the fastest one, that with the least memory.

    Switching the collector off is never advised, because then nothing frees cycles; it is the bound.

    Args:
        baseline: the default's row.
        rows: those of the settings.
        margin: a relative gain that is not worth a change.
    """
    compared = [(row, row.decision) for row in rows if row.decision is not None]
    bound = next((decision for row, decision in compared if row.setting == "off"), None)
    eligible = [(row, decision) for row, decision in compared if row.setting != "off"]
    gains = [(row, d) for row, d in eligible if d.verdict == DIFFERENT and d.ratio < 1 - margin]
    best, reached = None, 1.0
    if gains:
        reached = min(d.ratio for _, d in gains)
        near = [row for row, d in gains if d.ratio <= reached * (1 + margin)]
        best = min(near, key=lambda row: row.memory_ratio or math.inf)
    idle = is_idle(baseline.runs, margin)
    still_open = [d for _, d in eligible if d.verdict == OPEN and d.ratio < reached * (1 - margin)]
    if not gains and not idle:
        still_open = [d for _, d in eligible if d.verdict == OPEN and d.low < 1 - margin]
    needed = max((d.pairs_needed for d in still_open), default=0)
    known_bound = bound if bound is not None and bound.verdict in (DIFFERENT, SAME) else None
    return Advice(best, bool(still_open) and not idle, idle and best is None, needed, known_bound)
