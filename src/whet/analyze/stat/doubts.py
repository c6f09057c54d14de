"""Doubts about a set of measurements: two modes, or a drift while it was measured.

Both contradict what every test here assumes, repeated draws from one distribution. Two modes:
the split into a lower and an upper part that leaves least variance inside the parts puts their
means many of their standard deviations apart (K. M. Ashman and others, Astron. J. 108, 1994;
the limit was set by simulation, see tests). A drift: H. B. Mann's test of trend on the order of
the values (Econometrica 13, 1945), at a level that a large suite does not trip over.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from whet.analyze.distributions import normal_quantile
from whet.analyze.stat.measurements import Measurements

__all__ = ["Doubts", "find_doubts"]

F64 = npt.NDArray[np.float64]

FEWEST_FOR_MODES = 12
FEWEST_FOR_DRIFT = 8
# Rounded values pile up at few places without having modes.
_FEWEST_DISTINCT = 6
_LEAST_SHARE = 0.2
_SEPARATION = 7.0
_DRIFT_LEVEL = 0.001
# At most this share of sets seems to have two modes and has not, by simulation of usual distributions.
_MODES_BY_CHANCE = 0.01
_BLOCK = 1 << 20


class Doubts:
    """What is doubtful about sets of measurements.

    Attributes:
        modes: set to (lower mean, upper mean, share of the upper mode).
        drift: set to the relative change from its first to its last third.
        tested: how many sets were looked at.
    """

    def __init__(self) -> None:
        self.tested = 0
        self.modes: dict[int, tuple[float, float, float]] = {}
        self.drift: dict[int, float] = {}

    @property
    def exceeds_chance(self) -> bool:
        """Whether there are more than sets of plain noise would have."""
        return any(
            len(found) > rate * self.tested + 3 * math.sqrt(rate * self.tested)
            for found, rate in ((self.modes, _MODES_BY_CHANCE), (self.drift, _DRIFT_LEVEL))
        )


def find_doubts(measurements: Measurements) -> Doubts:
    """Look at every set whose values are not all equal."""
    result = Doubts()
    for sets, size in measurements.by_size():
        if size < FEWEST_FOR_DRIFT:
            continue
        first = measurements.start[sets]
        sets = sets[measurements.ordered[first] != measurements.ordered[first + size - 1]]
        result.tested += len(sets)
        step = max(1, _BLOCK // size)
        for at in range(0, len(sets), step):
            some = sets[at : at + step]
            if size >= FEWEST_FOR_MODES:
                _find_modes(some, measurements.matrix(some, size), result)
            places = measurements.start[some][:, None] + np.arange(size)
            _find_drift(some, measurements.values[places], result)
    return result


def _find_modes(sets: npt.NDArray[np.int64], rows: F64, result: Doubts) -> None:
    """Split ascending rows where the parts vary least, and see how far apart they are."""
    size = rows.shape[1]
    least = max(2, math.ceil(_LEAST_SHARE * size))
    rows = np.where(np.isfinite(rows), rows, 0.0)
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300)
    scaled = rows / scale
    below = np.arange(1, size)
    sums, squares = scaled.cumsum(axis=1), (scaled**2).cumsum(axis=1)
    low = sums[:, :-1] / below
    high = (sums[:, -1:] - sums[:, :-1]) / (size - below)
    inside = squares[:, -1:] - below * low**2 - (size - below) * high**2
    inside[:, : least - 1] = math.inf
    inside[:, size - least :] = math.inf
    split = inside.argmin(axis=1)
    at = np.arange(len(rows)), split
    spread = np.sqrt(np.maximum(inside[at], 0.0) / (size - 2))
    distance = high[at] - low[at]
    distinct = 1 + (rows[:, 1:] != rows[:, :-1]).sum(axis=1)
    apart = (distance > _SEPARATION * spread) & (distinct >= _FEWEST_DISTINCT)
    for i in np.flatnonzero(apart).tolist():
        one = float(scale[i, 0])
        upper = (size - int(split[i]) - 1) / size
        result.modes[int(sets[i])] = float(low[at][i]) * one, float(high[at][i]) * one, upper


def _find_drift(sets: npt.NDArray[np.int64], rows: F64, result: Doubts) -> None:
    """Test rows, in the order of measuring, for a trend."""
    size = rows.shape[1]
    # Values by time, so that every comparison runs along memory.
    columns = np.ascontiguousarray(rows.T)
    score = np.zeros(len(rows), np.int64)
    for lag in range(1, size):
        later, earlier = columns[lag:], columns[:-lag]
        score += (later > earlier).sum(axis=0, dtype=np.int32)
        score -= (later < earlier).sum(axis=0, dtype=np.int32)
    variance = _score_variance(np.sort(rows, axis=1))
    z = np.maximum(0.0, np.abs(score) - 1) / np.sqrt(np.where(variance > 0, variance, math.inf))
    third = size // 3
    for i in np.flatnonzero(z > normal_quantile(1 - _DRIFT_LEVEL / 2)).tolist():
        first, last = float(np.median(rows[i, :third])), float(np.median(rows[i, -third:]))
        if first > 0 and math.isfinite(last):
            result.drift[int(sets[i])] = last / first - 1


def _score_variance(ordered: F64) -> F64:
    """Return the variance of the score of ascending rows; ties, runs of equal values, lessen it."""
    size = ordered.shape[1]
    ends = np.ones(ordered.shape, np.bool_)
    ends[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    ties = np.diff(np.flatnonzero(ends), prepend=-1).astype(np.float64)
    starts = np.cumsum(ends.sum(axis=1)) - ends.sum(axis=1)
    lost = np.add.reduceat(ties * (ties - 1) * (2 * ties + 5), starts)
    variance: F64 = (size * (size - 1) * (2 * size + 5) - lost) / 18
    return variance
