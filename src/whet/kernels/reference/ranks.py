"""Counting arrangements of tied ranks: the twin of native/codec/ranks.

Given how many values are equal at each rank, deal `first` of them to the first side in all ways and
count those by 2U, where U is the number of pairs in which the first side's value is greater, equal
pairs counting a half. Ranks are taken one after the other: r of its t values add
r * (2 * (values of the other side so far) + (t - r)) to 2U. Counts are float64, exact below 2^53.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["rank_tails"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


def rank_tails(start: I64, ties: I64, first: int, two_u: I64) -> tuple[F64, F64]:
    """Return two counts for each problem.

    Args:
        start: int64[problems + 1].
        ties: int64; the ranks of problem i are ties[start[i]:start[i + 1]], ascending.
        first: how many values the first side has.
        two_u: int64[problems]; the 2U that was seen.

    Returns:
        lower: arrangements whose 2U is at most the smaller of 2U and its mirror image.
        tail: arrangements whose 2U is at most, or at least, that seen: the fewer.
    """
    lower, tail = np.empty(len(two_u)), np.empty(len(two_u))
    for i, seen in enumerate(two_u.tolist()):
        counts = _counts(ties[start[i] : start[i + 1]].tolist(), first)
        lower[i] = counts[: min(seen, len(counts) - 1 - seen) + 1].sum()
        tail[i] = min(counts[: seen + 1].sum(), counts[seen:].sum())
    return lower, tail


def _counts(ties: list[int], first: int) -> F64:
    """Return the number of arrangements with each 2U from 0 to 2 * n1 * n2."""
    size = 2 * first * (sum(ties) - first) + 1
    table = np.zeros((first + 1, size))
    table[0, 0] = 1.0
    seen = 0
    for t in ties:
        for j in range(min(first, seen + t), -1, -1):
            for r in range(1, min(t, j) + 1):
                other = seen - (j - r)
                shift = r * (2 * other + t - r)
                if other >= 0 and shift < size:
                    table[j, shift:] += math.comb(t, r) * table[j - r, : size - shift]
        seen += t
    counts: F64 = table[first]
    return counts
