"""Measurements: many sets of repeated values of benchmarks, and what summarizes a set.

Values assume nothing: the summary is the median with an interval from order statistics, which is
benchstat's: the shortest run of ranks that holds the wanted share of a binomial distribution.
A set of an exact unit is summarized by its mode, with its range. Arrays in, arrays out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.distributions import normal_quantile
from whet.analyze.stat.binomial import rounded_binomial

__all__ = ["Measurements", "Summaries", "finite_interval_needs", "median_ranks", "summarize"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MOST_EXACT = 30
_MOST_NEEDED = 50


@dataclass(slots=True)
class Measurements:
    """Sets of values, one after the other.

    Attributes:
        start: int64[sets + 1].
        values: float64; set i is values[start[i]:start[i + 1]], in the order of the inputs.
        ordered: the same, ascending within each set.
    """

    start: I64
    values: F64
    ordered: F64

    @classmethod
    def from_cells(cls, cells: I64, values: F64, count: int) -> Measurements:
        """Sort values into `count` sets; `cells` names the set of each."""
        start = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=count))]).astype(np.int64)
        result = cls(start, values[np.argsort(cells, kind="stable")], np.empty(len(values)))
        for sets, size in result.by_size():
            places = start[sets][:, None] + np.arange(size)
            result.ordered[places] = np.sort(result.values[places], axis=1)
        return result

    @property
    def sizes(self) -> I64:
        """How many values each set has."""
        return np.diff(self.start)

    def by_size(self) -> Iterator[tuple[I64, int]]:
        """Yield the sets of each size that is not 0."""
        sizes = self.sizes
        for size in np.unique(sizes[sizes > 0]).tolist():
            yield np.flatnonzero(sizes == size), size

    def matrix(self, sets: I64, size: int) -> F64:
        """Return sets of one size as rows, ascending."""
        rows: F64 = self.ordered[self.start[sets][:, None] + np.arange(size)]
        return rows

    def observed(self, one: int) -> F64:
        """Return one set in the order of the inputs."""
        return self.values[self.start[one] : self.start[one + 1]]


@dataclass(slots=True)
class Summaries:
    """Summaries of sets: float64[sets] each; an interval may be infinite.

    Attributes:
        center: medians, or modes of exact units.
        low, high: the interval.
        varies: flags exact sets whose values are not all equal.
    """

    center: F64
    low: F64
    high: F64
    varies: Flags


def summarize(measurements: Measurements, exact: Flags, confidence: float) -> Summaries:
    """Summarize every set; `exact` flags those whose unit has no distribution."""
    count = len(measurements.start) - 1
    result = Summaries(np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count, np.bool_))
    for sets, size in measurements.by_size():
        rows = measurements.matrix(sets, size)
        result.center[sets] = _medians(rows)
        low, high = median_ranks(size, confidence)
        result.low[sets] = rows[:, low - 1] if low >= 1 else -math.inf
        result.high[sets] = rows[:, high - 1] if high <= size else math.inf
    for one in np.flatnonzero(exact).tolist():
        values = measurements.ordered[measurements.start[one] : measurements.start[one + 1]]
        distinct, counts = np.unique(values, return_counts=True)
        result.center[one] = distinct[counts.argmax()]
        result.low[one], result.high[one] = values[0], values[-1]
        result.varies[one] = len(distinct) > 1
    return result


def _medians(rows: F64) -> F64:
    """Return the medians of ascending rows, to benchstat's last digit (Hyndman and Fan's type 8)."""
    size = rows.shape[1]
    place = 1 / 3 + 0.5 * (size + 1 / 3)
    at = int(place)
    if at <= 0:
        return rows[:, 0]
    if at >= size:
        return rows[:, -1]
    with np.errstate(all="ignore"):  # infinite values have no middle
        result: F64 = rows[:, at - 1] + (place - at) * (rows[:, at] - rows[:, at - 1])
    return result


@functools.cache
def median_ranks(size: int, confidence: float) -> tuple[int, int]:
    """Return the ranks (from 1) that bound the interval of a median; 0 and size + 1 are infinite.

    Ranks are added from the middle outwards, the lower of equals first, until they hold the
    confidence; beyond 30 values the binomial distribution is taken for a normal one.
    """
    if confidence >= 1:
        return 0, size + 1
    low, high = _exact_ranks(size, confidence) if size <= _MOST_EXACT else _normal_ranks(size, confidence)
    return max(0, low), min(high, size + 1)


def _exact_ranks(size: int, confidence: float) -> tuple[int, int]:
    def share(rank: int) -> float:
        return rounded_binomial(size, rank) / 2**size if 0 <= rank <= size else 0.0

    low = math.ceil((size + 1) * 0.5) - 1
    high = low + 1
    held = share(low)
    while held < confidence and (share(low - 1) > 0 or share(high) > 0):
        if share(low - 1) >= share(high):
            low -= 1
            held += share(low)
        else:
            held += share(high)
            high += 1
    return low, high


def _normal_ranks(size: int, confidence: float) -> tuple[int, int]:
    mean, spread = size * 0.5, math.sqrt(size * 0.25)
    alpha = (1 - confidence) / 2
    left = mean + spread * normal_quantile(alpha) if alpha < 0.5 else mean
    right = 2 * mean - left
    low = math.floor(math.floor(left - 0.5) + 0.5) + 1
    high = math.floor(math.ceil(right - 0.5) + 0.5) + 1

    def held(first: int, last: int) -> float:
        bounds = ((last - 0.5 - mean) / spread, (first - 0.5 - mean) / spread)
        upper, lower = (math.erfc(-z / math.sqrt(2)) / 2 for z in bounds)
        return upper - lower

    if confidence <= held(low, high - 1) < held(low, high):
        high -= 1
    return low, high


@functools.cache
def finite_interval_needs(confidence: float) -> tuple[str, int]:
    """Return (">=", n) for the fewest values with a finite interval, (">", 50) if that is many."""
    for size in range(2, _MOST_NEEDED + 1):
        low, high = median_ranks(size, confidence)
        if low > 0 and high <= size:
            return ">=", size
    return ">", _MOST_NEEDED
