"""From timed slices to a time per operation, and how far it can be trusted.

A process's value is the lower quartile of its undisturbed slices, less what the loop itself costs: a
slice during which its thread stood in the run queue says more about the neighbours than about the
code. A benchmark's value is the median over processes, which differ in hash seed, in where memory
lies and in when they ran. How processes differ gives the interval and the smallest difference that two
such measurements would show. Slices are (iterations, elapsed_ns, delay_ns or -1, end_ns).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Certificate", "Estimate", "ProcessValue", "estimate", "process_value"]

Slice = Sequence[int]
# Two-sided 5 % and a power of 80 %, in standard errors of a difference.
_DETECTABLE = 1.959964 + 0.841621
# Standard error of a median against that of a mean, for normal values.
_MEDIAN = math.sqrt(math.pi / 2)
MIN_SLICES = 3


@dataclass(frozen=True)
class ProcessValue:
    """What one process measured.

    Attributes:
        ns_per_op: less the loop's own cost, never below 0.
        loop_ns: the loop's own cost per operation that was taken off.
        iterations: that were timed.
        slices, disturbed: how many slices there were, and were left out.
        filtered: False where too few slices were undisturbed, so that all count.
        drift: the second half of the slices against the first, as a ratio.
    """

    ns_per_op: float
    loop_ns: float
    iterations: int
    slices: int
    disturbed: int
    filtered: bool
    drift: float


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
        unfiltered: processes in which hardly any slice was undisturbed.
    """

    processes: int
    dropped_share: float
    spread: float
    smallest_effect: float
    drift: float
    unfiltered: int


@dataclass(frozen=True)
class Estimate:
    """A benchmark's value: ns per operation, iterations behind it, and its certificate."""

    ns_per_op: float
    loop_ns: float
    iterations: int
    certificate: Certificate


def process_value(slices: Sequence[Slice], overhead: Sequence[Slice]) -> ProcessValue:
    """Return what one process's slices say.

    Args:
        slices: at least one.
        overhead: slices of the same kind of loop around nothing; none: nothing is taken off.
    """
    clean = [s for s in slices if s[2] <= 0]
    filtered = len(clean) >= min(MIN_SLICES, len(slices))
    used = clean if filtered else list(slices)
    clean_overhead = [s for s in overhead if s[2] <= 0] or list(overhead)
    loop_ns = _lower_quartile(clean_overhead) if clean_overhead else 0.0
    half = len(used) // 2
    drift = _middle(used[half:]) / _middle(used[:half]) if half and _middle(used[:half]) else 1.0
    return ProcessValue(
        ns_per_op=max(0.0, _lower_quartile(used) - loop_ns),
        loop_ns=loop_ns,
        iterations=sum(s[0] for s in used),
        slices=len(slices),
        disturbed=len(slices) - len(clean),
        filtered=filtered,
        drift=drift,
    )


def estimate(values: Sequence[ProcessValue]) -> Estimate:
    """Put the values of several processes together; at least one."""
    centre = statistics.median(v.ns_per_op for v in values)
    spread = smallest = math.nan
    if len(values) > 1 and centre > 0:
        spread = statistics.stdev(v.ns_per_op for v in values) / centre
        smallest = _DETECTABLE * spread * _MEDIAN * math.sqrt(2 / len(values))
    slices = sum(v.slices for v in values)
    certificate = Certificate(
        processes=len(values),
        dropped_share=sum(v.disturbed for v in values) / slices,
        spread=spread,
        smallest_effect=smallest,
        drift=statistics.median(v.drift for v in values),
        unfiltered=sum(not v.filtered for v in values),
    )
    return Estimate(
        centre, statistics.median(v.loop_ns for v in values), sum(v.iterations for v in values), certificate
    )


def _lower_quartile(slices: Sequence[Slice]) -> float:
    per_op = sorted(s[1] / s[0] for s in slices)
    return per_op[(len(per_op) - 1) // 4]


def _middle(slices: Sequence[Slice]) -> float:
    return statistics.median(s[1] / s[0] for s in slices)
