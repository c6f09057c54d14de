"""The smallest change that a comparison could have seen.

With the spread of the logarithms of both sides, a change of that size is found with a chance of 80 %:
the usual reckoning for two means with Student's t, widened by the Mann-Whitney test's efficiency
of 3/pi on normal values (J. L. Hodges and E. L. Lehmann, Ann. Math. Stat. 27, 1956). Where not
even complete separation would be significant, nothing could have been seen: infinity.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from whet.analyze.distributions import normal_quantile, student_quantile
from whet.analyze.stat.measurements import Measurements

__all__ = ["POWER", "detectable_changes"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

POWER = 0.8
_EFFICIENCY = 3 / math.pi


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
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(measurements.values)
        cells = np.repeat(np.arange(count), sizes)
        means = np.bincount(cells, logs, minlength=count) / sizes
        squares = np.bincount(cells, (logs - means[cells]) ** 2, minlength=count)
    n1, n2 = sizes[old].astype(np.float64), sizes[new].astype(np.float64)
    degrees = n1 + n2 - 2
    result = np.full(len(old), math.inf)
    possible = np.array([_smallest_p(a, b) <= alpha for a, b in zip(n1, n2, strict=True)], np.bool_)
    possible &= (degrees > 0) & (0 < alpha < 1)
    if possible.any():
        a, b = old[possible], new[possible]
        spread = np.sqrt((squares[a] + squares[b]) / degrees[possible])
        quantile = student_quantile(1 - alpha / 2, degrees[possible]) + normal_quantile(POWER)
        root = np.sqrt((1 / n1[possible] + 1 / n2[possible]) / _EFFICIENCY)
        result[possible] = np.expm1(quantile * spread * root)
    lowest = measurements.ordered[measurements.start[:-1]] if count else np.empty(0)
    positive = lowest > 0
    return np.where(positive[old] & positive[new], result, math.nan)


def _smallest_p(n1: float, n2: float) -> float:
    """Return p of complete separation."""
    return 2 / math.comb(int(n1 + n2), int(n1)) if n1 + n2 < 200 else 0.0
