"""How large a change is: the ratio of new to old values, with an interval.

The estimate is the median of all ratios of a new value to an old one (J. L. Hodges and E. L. Lehmann,
Ann. Math. Stat. 34, 1963, on logarithms); the interval is bounded by those of the ordered ratios
that the distribution of Mann and Whitney's U allows. It assumes that both sides have the
same distribution but for a factor. Values that are not positive have no ratio.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from whet.analyze.distributions import normal_quantile
from whet.analyze.stat.measurements import Measurements
from whet.analyze.stat.utest import untied_cumulative

__all__ = ["ratio_intervals"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_MOST_EXACT = 50
_BLOCK = 1 << 20


@np.errstate(all="ignore")  # numbers follow IEEE 754, as Go's do
def ratio_intervals(measurements: Measurements, old: I64, new: I64, confidence: float) -> F64:
    """Return float64[pairs, 3]: the ratio, its lower and its upper bound.

    All are NaN where a value is not positive; bounds are 0 and infinity where there are too few
    values for the confidence.

    Args:
        measurements: the sets.
        old: int64[pairs], the first set of each pair.
        new: int64[pairs], the second.
        confidence: of the interval.
    """
    result = np.full((len(old), 3), math.nan)
    sizes = measurements.sizes
    lowest = measurements.ordered[measurements.start[:-1]] if len(sizes) else np.empty(0)
    highest = measurements.ordered[measurements.start[1:] - 1] if len(sizes) else np.empty(0)
    usable = (lowest > 0) & np.isfinite(highest)
    good = np.flatnonzero(usable[old] & usable[new])
    shapes = sizes[old[good]] * (int(sizes.max(initial=0)) + 1) + sizes[new[good]]
    for shape in np.unique(shapes).tolist():
        pairs = good[shapes == shape]
        n1, n2 = int(sizes[old[pairs[0]]]), int(sizes[new[pairs[0]]])
        rank = _rank(n1, n2, confidence)
        step = max(1, _BLOCK // (n1 * n2))
        for at in range(0, len(pairs), step):
            some = pairs[at : at + step]
            result[some] = _intervals(
                measurements.matrix(old[some], n1), measurements.matrix(new[some], n2), rank
            )
    return result


def _intervals(old: F64, new: F64, rank: int) -> F64:
    ratios = np.sort((new[:, :, None] / old[:, None, :]).reshape(len(old), -1), axis=1)
    count = ratios.shape[1]
    middle = np.sqrt(ratios[:, (count - 1) // 2] * ratios[:, count // 2])
    if rank < 1:
        return np.stack([middle, np.zeros(len(old)), np.full(len(old), math.inf)], axis=1)
    return np.stack([middle, ratios[:, rank - 1], ratios[:, count - rank]], axis=1)


def _rank(n1: int, n2: int, confidence: float) -> int:
    """Return the rank (from 1) of the lower bound among ordered ratios; 0 if there is none."""
    tail = (1 - confidence) / 2
    if n1 <= _MOST_EXACT and n2 <= _MOST_EXACT:
        return int(np.searchsorted(untied_cumulative(n1, n2), tail, side="right"))
    if tail <= 0:
        return 0
    if tail >= 0.5:
        return n1 * n2 // 2
    spread = math.sqrt(n1 * n2 * (n1 + n2 + 1) / 12)
    return max(0, math.floor(n1 * n2 / 2 + normal_quantile(tail) * spread))
