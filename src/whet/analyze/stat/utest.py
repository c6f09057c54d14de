"""The Mann-Whitney U test, for many pairs of sets at once.

Exact up to 50 values a side, or 25 where values are tied, as benchstat is; beyond that a normal
approximation with corrections for ties and continuity. Under ties the distribution is the
conditional one: all ways to deal the values that were seen to both sides (J. H. Klotz, JASA
61, 1966), and p is twice the share of those in which U is as small, or as large, as it is,
whichever is rarer. benchstat always takes the lower tail, at U or its mirror image, which under ties is
the same only if both sides have as many values; `Mode.BENCHSTAT` does so too.
"""

from __future__ import annotations

import enum
import functools
import math

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.stat.binomial import rounded_binomial
from whet.analyze.stat.measurements import Measurements

__all__ = ["Mode", "smallest_size", "u_tests", "untied_cumulative"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_MOST_EXACT = 50
_MOST_EXACT_TIED = 25
_BLOCK = 1 << 22
# benchstat looks for the size at which complete separation is significant among these only.
_MOST_LISTED = 9


class Mode(enum.Enum):
    """What p means under ties."""

    EXACT = enum.auto()
    BENCHSTAT = enum.auto()


def u_tests(measurements: Measurements, old: I64, new: I64, mode: Mode = Mode.EXACT) -> F64:
    """Return two-sided p-values of pairs of sets, NaN where all values of a pair are equal.

    Args:
        measurements: the sets; none that is compared may be empty.
        old: int64[pairs], the first set of each pair.
        new: int64[pairs], the second.
        mode: what p means under ties.
    """
    result = np.empty(len(old))
    sizes = measurements.sizes
    shapes = sizes[old] * (int(sizes.max(initial=0)) + 1) + sizes[new]
    for shape in np.unique(shapes).tolist():
        pairs = np.flatnonzero(shapes == shape)
        n1, n2 = int(sizes[old[pairs[0]]]), int(sizes[new[pairs[0]]])
        step = max(1, _BLOCK // (n1 * n2))
        for at in range(0, len(pairs), step):
            some = pairs[at : at + step]
            result[some] = _same_shape(
                measurements.matrix(old[some], n1), measurements.matrix(new[some], n2), mode
            )
    return result


def _same_shape(first: F64, second: F64, mode: Mode) -> F64:
    """Test rows of `first` against rows of `second`."""
    n1, n2 = first.shape[1], second.shape[1]
    more = (first[:, :, None] > second[:, None, :]).sum((1, 2))
    equal = (first[:, :, None] == second[:, None, :]).sum((1, 2))
    two_u = 2 * more + equal
    pooled = np.sort(np.concatenate([first, second], axis=1), axis=1)
    breaks = pooled[:, 1:] != pooled[:, :-1]
    tied = ~breaks.all(axis=1)
    same = ~breaks.any(axis=1)
    result = np.full(len(first), math.nan)
    free = np.flatnonzero(~tied)
    if n1 <= _MOST_EXACT and n2 <= _MOST_EXACT:
        result[free] = _untied(two_u[free], n1, n2)
    else:
        result[free] = _normal(two_u[free], np.zeros(len(free)), n1, n2)
    rows = np.flatnonzero(tied & ~same)
    if len(rows):
        start, ties = _tie_vectors(breaks[rows])
        if n1 <= _MOST_EXACT_TIED and n2 <= _MOST_EXACT_TIED:
            result[rows] = _tied(start, ties, two_u[rows], n1, n2, mode)
        else:
            cubes = np.add.reduceat((ties.astype(np.float64) ** 3 - ties), start[:-1])
            result[rows] = _normal(two_u[rows], cubes, n1, n2)
    return result


def _tie_vectors(breaks: npt.NDArray[np.bool_]) -> tuple[I64, I64]:
    """Return (start, ties): how many values there are at each rank, row after row."""
    rows, width = len(breaks), breaks.shape[1] + 1
    ends = np.concatenate([breaks, np.ones((rows, 1), np.bool_)], axis=1)
    places = np.flatnonzero(ends)
    ties = np.diff(places, prepend=-1)
    start = np.concatenate([[0], np.cumsum(ends.sum(axis=1))]).astype(np.int64)
    assert ties.sum() == rows * width
    return start, ties.astype(np.int64)


def _untied(two_u: I64, n1: int, n2: int) -> F64:
    """Return p where no two values are equal."""
    smaller = np.minimum(two_u, 2 * n1 * n2 - two_u)
    result: F64 = np.where(2 * smaller == 2 * n1 * n2, 1.0, untied_cumulative(n1, n2)[smaller // 2] * 2)
    return result


@functools.lru_cache(maxsize=64)
def untied_cumulative(n1: int, n2: int) -> F64:
    """Return P(U <= u) for u up to the middle: H. B. Mann and D. R. Whitney's recurrence (1947).

    The order of additions is that of the recurrence as published, so that borderline values
    round as benchstat's do.
    """
    few, many = min(n1, n2), max(n1, n2)
    size = few * many // 2 + 1
    rows = [np.zeros(size) for _ in range(few + 1)]
    rows[0][0] = 1.0
    for m in range(1, many + 1):
        for n in range(1, min(few, m) + 1):
            before = rows[n] if n < m else rows[m - 1]
            shifted = np.zeros(size)
            shifted[m:] = n * rows[n - 1][: max(0, size - m)]
            rows[n] = (shifted + m * before) / (n + m)
            rows[n][n * m + 1 :] = 0.0
    return np.cumsum(rows[few])


def _tied(start: I64, ties: I64, two_u: I64, n1: int, n2: int, mode: Mode) -> F64:
    lower, tail = kernels.rank_tails(start, ties, n1, two_u)
    if mode is Mode.EXACT:
        p = np.minimum(1.0, 2 * (tail / math.comb(n1 + n2, n1)))
        return np.where(two_u == n1 * n2, 1.0, p)
    total = rounded_binomial(n1 + n2, n1)
    smaller = np.minimum(two_u, 2 * n1 * n2 - two_u)
    p = 2 * (lower / total)
    for row in np.flatnonzero(np.diff(start) == 2).tolist():
        p[row] = 2 * (_two_ranks(ties[start[row] : start[row + 1]].tolist(), n1, int(smaller[row])) / total)
    result: F64 = np.where(two_u == n1 * n2, 1.0, p)
    return result


def _two_ranks(ties: list[int], n1: int, two_u: int) -> float:
    """Count arrangements of two distinct values as benchstat does, also where there are none."""
    below = max(0, n1 - ties[0])
    above = int((two_u - n1 * (ties[0] - n1)) / (ties[0] + ties[1]))
    counts = (math.comb(ties[0], n1 - r) * math.comb(ties[1], r) for r in range(below, above + 1) if r <= n1)
    return float(sum(counts))


def _normal(two_u: I64, cubes: F64, n1: int, n2: int) -> F64:
    """Return p of the normal approximation; `cubes` is the sum of t^3 - t over ranks."""
    n = n1 + n2
    spread = np.sqrt(n1 * n2 * ((n + 1) - cubes / (n * (n - 1))) / 12)
    distance = two_u / 2 - n1 * n2 / 2
    z = (distance - np.sign(distance) * 0.5) / spread
    lower = np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in z.tolist()])
    result: F64 = 2 * np.minimum(lower, 1 - lower)
    return result


@functools.cache
def smallest_size(alpha: float) -> tuple[str, int]:
    """Return (">=", n): from n values a side on, complete separation is significant."""
    for size in range(1, _MOST_LISTED + 1):
        if 2 / math.comb(2 * size, size) <= alpha:
            return ">=", size
    return ">", _MOST_LISTED + 1
