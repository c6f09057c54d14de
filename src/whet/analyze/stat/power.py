"""The smallest change that a comparison could have seen.

With the spread of the logarithms of both sides, a change of that size is found with a chance of 80 %:
the usual reckoning for two means with Student's t, widened by the Mann-Whitney test's efficiency
of 3/pi on normal values (J. L. Hodges and E. L. Lehmann, Ann. Math. Stat. 27, 1956), at the level
that the test can attain with so many values. Where not even complete separation would be
significant, nothing could have been seen: infinity.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from whet.analyze.distributions import normal_quantile, student_quantile
from whet.analyze.stat.measurements import Measurements
from whet.analyze.stat.utest import untied_cumulative

__all__ = ["POWER", "detectable_changes"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

POWER = 0.8
_EFFICIENCY = 3 / math.pi
_MOST_EXACT = 50


def detectable_changes(measurements: Measurements, old: I64, new: I64, alpha: float) -> F64:
    """Return the relative changes, 0.02 for 2 %; NaN where a value is not positive.

    Args:
        measurements: the sets.
        old: int64[pairs], the first set of each pair.
        new: int64[pairs], the second.
        alpha: the level of the test.
    """
    sizes = measurements.sizes
    count = len(sizes)
    with np.errstate(all="ignore"):
        logs = np.log(measurements.values)
        cells = np.repeat(np.arange(count), sizes)
        means = np.bincount(cells, logs, minlength=count) / sizes
        squares = np.bincount(cells, (logs - means[cells]) ** 2, minlength=count)
    result = np.full(len(old), math.inf)
    shapes = np.stack([sizes[old], sizes[new]], axis=1)
    for n1, n2 in np.unique(shapes, axis=0).tolist():
        level = _attained(n1, n2, alpha)
        pairs = np.flatnonzero((shapes == (n1, n2)).all(axis=1))
        if 0 < level < 1 and n1 + n2 > 2:
            spread = np.sqrt((squares[old[pairs]] + squares[new[pairs]]) / (n1 + n2 - 2))
            degrees = np.array([n1 + n2 - 2.0])
            quantile = float(student_quantile(1 - level / 2, degrees)[0]) + normal_quantile(POWER)
            root = math.sqrt((1 / n1 + 1 / n2) / _EFFICIENCY)
            result[pairs] = np.expm1(quantile * root * spread)
    lowest = measurements.ordered[measurements.start[:-1]] if count else np.empty(0)
    positive = lowest > 0
    return np.where(positive[old] & positive[new], result, math.nan)


def _attained(n1: int, n2: int, alpha: float) -> float:
    """Return the largest p of the test that is not above its level; 0 if there is none."""
    if max(n1, n2) > _MOST_EXACT:
        return alpha
    p = 2 * untied_cumulative(n1, n2)
    at = int(np.searchsorted(p, alpha, side="right"))
    return float(p[at - 1]) if at else 0.0
