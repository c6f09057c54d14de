"""Many comparisons at once: p-values that account for how many there are.

Holm's step-down procedure (Scand. J. Stat. 6, 1979) bounds the chance of a single false change;
Benjamini and Hochberg's (J. R. Stat. Soc. B 57, 1995) the expected share of false ones among those
reported. Comparisons that could not show a change, because all their values are equal, do not count.
"""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.discoveries import adjusted

__all__ = ["Correction", "corrected"]

F64 = npt.NDArray[np.float64]


class Correction(enum.Enum):
    """What is controlled."""

    NONE = "none"
    HOLM = "holm"
    FALSE_DISCOVERIES = "bh"


def corrected(p: F64, method: Correction) -> F64:
    """Return p-values that may each be compared with the level; NaN stays and is not counted."""
    result = p.copy()
    counted = np.flatnonzero(~np.isnan(p))
    if method is Correction.HOLM:
        order = counted[np.argsort(p[counted], kind="stable")]
        scaled = p[order] * np.arange(len(order), 0, -1)
        result[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    elif method is Correction.FALSE_DISCOVERIES:
        result[counted] = adjusted(p[counted])
    return result
