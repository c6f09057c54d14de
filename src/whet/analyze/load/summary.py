"""The numbers of a load's report, worked out once for text, JSON and Go's benchmark format."""

from __future__ import annotations

from dataclasses import dataclass

from whet.analyze.load.bars import Bar, bars
from whet.analyze.load.histogram import Histogram
from whet.analyze.load.totals import Totals

__all__ = ["PERCENTS", "Phase", "Summary", "summarize"]

PERCENTS = (10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999)


@dataclass(frozen=True)
class Phase:
    """Durations of one kind, in ns; of PERCENTS those are there for which there are enough durations."""

    count: int
    mean_ns: float
    lowest_ns: int
    highest_ns: int
    percentiles: dict[float, int]


@dataclass(frozen=True)
class Summary:
    """What a load came to.

    Attributes:
        wall_ns: from the first start to the last answer.
        answers_per_s, bytes_per_s: over that time.
        latency: from the intended start; `service` from the actual one, None where both are the same.
        phases: dial, tls, write, wait and read, those that happened.
        statuses: latencies by HTTP status, in order; 0 are all others where there are too many.
        errors: by kind, the commonest first.
    """

    wall_ns: int
    answers: int
    failures: int
    answers_per_s: float
    size_bytes: int
    bytes_per_s: float
    latency: Phase
    service: Phase | None
    picture: list[Bar]
    phases: dict[str, Phase]
    statuses: dict[int, Phase]
    errors: dict[str, int]
    connections: int
    retries: int


def summarize(totals: Totals, wall_ns: int, *, scheduled: bool) -> Summary:
    """Work out a report's numbers.

    Args:
        totals: of the load.
        wall_ns: how long it took.
        scheduled: requests had intended starts.
    """
    seconds = wall_ns / 1e9
    parts = {
        "dial": totals.dial,
        "tls": totals.tls,
        "write": totals.write,
        "wait": totals.wait,
        "read": totals.read,
    }
    return Summary(
        wall_ns=wall_ns,
        answers=totals.answers,
        failures=totals.failures,
        answers_per_s=totals.answers / seconds if seconds else 0.0,
        size_bytes=totals.size_bytes,
        bytes_per_s=totals.size_bytes / seconds if seconds else 0.0,
        latency=_phase(totals.latency),
        service=_phase(totals.service) if scheduled else None,
        picture=bars(totals.latency),
        phases={name: _phase(histogram) for name, histogram in parts.items() if histogram.count},
        statuses={status: _phase(totals.by_status[status]) for status in sorted(totals.by_status)},
        errors=dict(sorted(totals.errors.items(), key=lambda item: (-item[1], item[0]))),
        connections=totals.connections,
        retries=totals.retries,
    )


def _phase(histogram: Histogram) -> Phase:
    # A percentile that fewer than one of all durations can exceed is the largest of them and says nothing.
    known = [p for p in PERCENTS if histogram.count * (100 - p) >= 100 - 1e-6 or p <= 50]
    return Phase(
        histogram.count,
        histogram.mean_ns,
        histogram.lowest_ns,
        histogram.highest_ns,
        {p: histogram.quantile_ns(p / 100) for p in known} if histogram.count else {},
    )
