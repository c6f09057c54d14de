"""Binomial coefficients as benchstat rounds them.

Up to 20 they are exact; beyond, benchstat takes the exponential of logarithms of factorials, and
the last bits of the result decide between intervals that hold the same share, and between a p
of 1 and one that is a little larger. Logarithms are Go's: correctly rounded but for a few.
"""

from __future__ import annotations

import functools
import math

from whet.analyze.stat.geomean import exponential

__all__ = ["rounded_binomial"]

_MOST_EXACT = 20
# log((n - 1)!) in Go is one unit in the last place above or below what is nearest.
_ABOVE = frozenset({10, 11, 13, 14, 17, 22, 26, 31, 34, 41})
_BELOW = frozenset({8, 25, 28, 33, 35, 39, 44, 45, 47, 50})


@functools.cache
def rounded_binomial(n: int, k: int) -> float:
    """Return n over k, for 0 <= k <= n <= 50."""
    if k in (0, n):
        return 1.0
    if n <= _MOST_EXACT:
        return float(math.comb(n, k))
    return exponential(_log_factorial(n) - _log_factorial(k) - _log_factorial(n - k))


def _log_factorial(n: int) -> float:
    value = math.log(math.factorial(n))
    if n + 1 in _ABOVE:
        return math.nextafter(value, math.inf)
    return math.nextafter(value, 0.0) if n + 1 in _BELOW else value
