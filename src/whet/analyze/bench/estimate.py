"""From timed slices to a time per operation, and how far it can be trusted.

A process's value is the lower quartile of its undisturbed slices, less what the loop itself costs. A slice
is disturbed when its thread could not have a CPU all the time, and when the machine was slow: a fixed piece
of work that runs before and after each slice took longer than it can. Such slices say more about the
neighbours, on this machine or on its host, than about the code. A benchmark's value is the median over
processes, which differ in hash seed, in where memory lies and in when they ran. How processes differ gives
the interval and the smallest difference that two such measurements would show.

Slices are (iterations, elapsed_ns, delay_ns or -1, end_ns, reference_ns or 0).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Certificate",
    "Estimate",
    "ProcessValue",
    "estimate",
    "full_speed",
    "process_value",
    "slow_from",
    "undisturbed",
]

Slice = Sequence[int]
# Two-sided 5 % and a power of 80 %, in standard errors of a difference.
_DETECTABLE = 1.959964 + 0.841621
# Standard error of a median against that of a mean, for normal values.
_MEDIAN = math.sqrt(math.pi / 2)
MIN_SLICES = 3
# A machine that takes this many times as long as it can is slow: clocks differ by a few percent, and a
# neighbour on the same core costs a third and more.
_SLOW = 1.1
_FASTEST = 0.05


@dataclass(frozen=True)
class ProcessValue:
    """What one process measured.

    Attributes:
        ns_per_op: less the loop's own cost, never below 0.
        loop_ns: the loop's own cost per operation that was taken off.
        iterations: that were timed.
        slices, disturbed: how many slices there were, and were left out.
        filtered: False where too few slices were undisturbed, so that others count, too.
        drift: the second half of the slices against the first, as a ratio.
        speed: of the machine, the median over slices as a share of its full speed; NaN where nobody knows.
        excess: by how much the mean of the slices that count is above their lower quartile, as a share.
    """

    ns_per_op: float
    loop_ns: float
    iterations: int
    slices: int
    disturbed: int
    filtered: bool
    drift: float
    speed: float = math.nan
    excess: float = 0.0


@dataclass(frozen=True)
class Certificate:
    """How noisy a measurement was.

    Attributes:
        processes: how many measured.
        dropped_share: of all slices, those left out as disturbed.
        spread: standard deviation over processes, as a share of the value; NaN for one process.
        smallest_effect: the smallest relative difference that two such measurements show in 80 % of
            cases; NaN for one process.
        drift: median over processes of second half against first half, as a ratio.
        unfiltered: processes in which hardly any slice was undisturbed; they count only where all are such.
        speed: of the machine, the median over processes as a share of its full speed; NaN where nobody knows.
        excess: by how much the mean of undisturbed slices is above the value, as a share: much where
            something expensive happens now and then.
    """

    processes: int
    dropped_share: float
    spread: float
    smallest_effect: float
    drift: float
    unfiltered: int
    speed: float
    excess: float


@dataclass(frozen=True)
class Estimate:
    """A benchmark's value: ns per operation, iterations behind it, and its certificate."""

    ns_per_op: float
    loop_ns: float
    iterations: int
    certificate: Certificate


def full_speed(slices: Sequence[Slice]) -> float:
    """Return what the reference work takes at the full speed that was seen, in ns; 0 where nothing was."""
    references = sorted(s[4] for s in slices if s[4] > 0)
    return float(references[int(len(references) * _FASTEST)]) if references else 0.0


def slow_from(full_speed_ns: float) -> int:
    """Return from how many ns of the reference work on the machine is slow; 0 where nobody knows."""
    return round(full_speed_ns * _SLOW)


def process_value(
    slices: Sequence[Slice], overhead: Sequence[Slice], full_speed_ns: float = 0.0
) -> ProcessValue:
    """Return what one process's slices say.

    Args:
        slices: at least one.
        overhead: slices of the same kind of loop around nothing; none: nothing is taken off.
        full_speed_ns: of the reference work; 0: the fastest of these slices is full speed.
    """
    fastest_ns = full_speed_ns or full_speed(slices)
    clean = undisturbed(slices, fastest_ns)
    used = _quietest(slices, fastest_ns)
    loop_ns = _lower_quartile(_quietest(overhead, fastest_ns)) if overhead else 0.0
    half = len(used) // 2
    drift = _middle(used[half:]) / _middle(used[:half]) if half and _middle(used[:half]) else 1.0
    references = [s[4] for s in slices if s[4] > 0]
    return ProcessValue(
        ns_per_op=max(0.0, _lower_quartile(used) - loop_ns),
        loop_ns=loop_ns,
        iterations=sum(s[0] for s in used),
        slices=len(slices),
        disturbed=len(slices) - len(clean),
        filtered=len(clean) >= _enough(slices),
        drift=drift,
        excess=_excess(used),
        speed=min(1.0, fastest_ns / statistics.median(references)) if references else math.nan,
    )


def estimate(values: Sequence[ProcessValue]) -> Estimate:
    """Put the values of several processes together; at least one."""
    used = [v for v in values if v.filtered] or values
    centre = statistics.median(v.ns_per_op for v in used)
    spread = smallest = math.nan
    if len(used) > 1 and centre > 0:
        spread = statistics.stdev(v.ns_per_op for v in used) / centre
        smallest = _DETECTABLE * spread * _MEDIAN * math.sqrt(2 / len(used))
    slices = sum(v.slices for v in values)
    certificate = Certificate(
        processes=len(values),
        dropped_share=sum(v.disturbed for v in values) / slices,
        spread=spread,
        smallest_effect=smallest,
        drift=statistics.median(v.drift for v in used),
        unfiltered=sum(not v.filtered for v in values),
        speed=statistics.median(v.speed for v in values),
        excess=statistics.median(v.excess for v in used),
    )
    return Estimate(
        centre, statistics.median(v.loop_ns for v in used), sum(v.iterations for v in used), certificate
    )


def undisturbed(slices: Sequence[Slice], full_speed_ns: float) -> Sequence[Slice]:
    """Return the slices that had a CPU all the time, at full speed of the machine (0: at any)."""
    limit = slow_from(full_speed_ns) or math.inf
    return [s for s in slices if s[2] <= 0 and s[4] < limit]


def _quietest(slices: Sequence[Slice], full_speed_ns: float) -> Sequence[Slice]:
    """Return undisturbed slices, else those that had a CPU, else all: the first that are enough."""
    choices = undisturbed(slices, full_speed_ns), undisturbed(slices, 0.0), slices
    return next(choice for choice in choices if len(choice) >= _enough(slices))


def _enough(slices: Sequence[Slice]) -> int:
    return min(MIN_SLICES, len(slices))


def _lower_quartile(slices: Sequence[Slice]) -> float:
    per_op = sorted(s[1] / s[0] for s in slices)
    return per_op[(len(per_op) - 1) // 4]


def _excess(slices: Sequence[Slice]) -> float:
    lower = _lower_quartile(slices)
    mean = sum(s[1] for s in slices) / sum(s[0] for s in slices)
    return mean / lower - 1 if lower else 0.0


def _middle(slices: Sequence[Slice]) -> float:
    return statistics.median(s[1] / s[0] for s in slices)
