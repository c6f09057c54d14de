"""Many tests at once: which p-values may be called discoveries.

Benjamini and Hochberg's procedure (J. R. Stat. Soc. B 57, 1995) keeps the expected share of
false discoveries below a level; where nothing differs, that is the chance of reporting
anything at all. It holds under the positive dependence that functions and their callers
have (Benjamini and Yekutieli, Ann. Stat. 29, 2001). Nodes so rare that no outcome could
make them significant are set aside first (R. E. Tarone, Biometrics 46, 1990; P. B. Gilbert,
Appl. Stat. 54, 2005): they would only cost the others their power.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["adjusted", "can_be_discovered"]

F64 = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def adjusted(p_values: F64) -> F64:
    """Return the smallest false discovery rate at which each test is a discovery."""
    count = len(p_values)
    order = np.argsort(p_values)[::-1]
    scaled = p_values[order] * count / np.arange(count, 0, -1)
    result = np.empty(count)
    result[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return result


def can_be_discovered(smallest: F64, rate: float) -> Flags:
    """Flag the tests whose smallest attainable p-value could pass among those that could.

    `rate` is the false discovery rate aimed at.
    """
    attainable = np.sort(smallest)
    for family in range(1, len(attainable) + 1):
        limit = rate / family
        if np.searchsorted(attainable, limit, side="right") <= family:
            flags: Flags = smallest <= limit
            return flags
    return np.ones(len(smallest), np.bool_)
