"""Tails and quantiles of the distributions that comparisons rest upon, without SciPy.

Everything comes from the regularized incomplete beta function, computed by its continued
fraction (DLMF 8.17.22, evaluated as W. J. Lentz, Appl. Opt. 15, 1976, proposed). Arguments
need not be whole numbers: effective counts are not. Arrays in, arrays out; no models, no text.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = [
    "beta_cdf",
    "binomial_two_sided",
    "normal_deviates",
    "normal_quantile",
    "student_quantile",
    "student_two_sided",
    "trigamma",
]

F64 = npt.NDArray[np.float64]

_TINY = 1e-300
_EPSILON = 1e-14
_MAX_STEPS = 5000
_NORMAL_DF = 1e6
_LARGE_COUNT = 1e5  # beyond it a binomial tail is normal to more digits than anyone reads

_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_inverse_normal = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])


def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution, for 0 < probability < 1."""
    return NormalDist().inv_cdf(probability)


def beta_cdf(x: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike) -> F64:
    """Return the regularized incomplete beta function I_x(a, b), elementwise.

    0 <= x <= 1; a and b are positive.
    """
    columns = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, a, b)))
    xs, first, second = (np.atleast_1d(c).ravel() for c in columns)
    result = np.where(xs >= 1.0, 1.0, 0.0)
    inside = (xs > 0.0) & (xs < 1.0)
    if inside.any():
        result[inside] = _inside(xs[inside], first[inside], second[inside])
    return result.reshape(columns[0].shape)


def _inside(x: F64, a: F64, b: F64) -> F64:
    # The fraction converges fast below the mean; above it the mirrored one is taken.
    mirrored = x > (a + 1.0) / (a + b + 2.0)
    x, rest = np.where(mirrored, 1.0 - x, x), np.where(mirrored, x, 1.0 - x)
    a, b = np.where(mirrored, b, a), np.where(mirrored, a, b)
    log_front = _log_gamma(a + b) - _log_gamma(a) - _log_gamma(b) + a * np.log(x) + b * np.log(rest)
    value = np.clip(np.exp(log_front) / a * _fraction(x, a, b), 0.0, 1.0)
    result: F64 = np.where(mirrored, 1.0 - value, value)
    return result


def _fraction(x: F64, a: F64, b: F64) -> F64:
    c = np.ones_like(x)
    d = 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    result = d.copy()
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _not_zero(1.0 + term * d)
            c = _not_zero(1.0 + term / c)
            step = c * d
            result *= step
        if (np.abs(step - 1.0) < _EPSILON).all():
            break
    return result


def _not_zero(values: F64) -> F64:
    result: F64 = np.where(np.abs(values) < _TINY, _TINY, values)
    return result


def binomial_two_sided(count: F64, total: F64, share: F64) -> F64:
    """Return p-values of `count` out of `total` where `share` is expected: twice the smaller tail.

    For whole numbers this is the exact binomial test; in between it is interpolated by the
    beta function. Nothing out of nothing has p = 1.
    """
    count, total, share = (np.asarray(v, np.float64) for v in (count, total, share))
    result = np.ones(count.shape)
    large = total > _LARGE_COUNT
    if large.any():
        mean, spread = total * share, np.sqrt(total * share * (1.0 - share))
        z = np.maximum(np.abs(count - mean) - 0.5, 0.0)[large] / np.maximum(spread[large], _TINY)
        result[large] = _erfc(z / math.sqrt(2.0))
    small = ~large & (total > 0.0)
    x, n, p = count[small], total[small], share[small]
    rest = np.maximum(n - x, 0.0)
    at_least = np.where(x > 0.0, beta_cdf(p, np.maximum(x, _TINY), rest + 1.0), 1.0)
    at_most = np.where(rest > 0.0, beta_cdf(1.0 - p, np.maximum(rest, _TINY), x + 1.0), 1.0)
    result[small] = 2.0 * np.minimum(at_least, at_most)
    return np.minimum(result, 1.0)


def student_two_sided(t: npt.ArrayLike, df: npt.ArrayLike) -> F64:
    """Return the two-sided p-values of Student's t, elementwise; `df` may be infinite."""
    values, degrees = np.broadcast_arrays(np.abs(np.asarray(t, np.float64)), np.asarray(df, np.float64))
    result = np.asarray(_erfc(values / math.sqrt(2.0)), np.float64)
    few = degrees < _NORMAL_DF
    if few.any():
        n, square = degrees[few], values[few] ** 2
        result[few] = beta_cdf(n / (n + square), n / 2.0, 0.5)
    return result


def student_quantile(probability: float, df: F64) -> F64:
    """Return the quantiles of Student's t for 0.5 <= probability < 1.

    The tail is convex, so that Newton's steps from the normal quantile, which is never too far
    out, go up to the root and not beyond.
    """
    wanted = 2.0 * (1.0 - probability)
    result = np.full(len(df), normal_quantile(probability))
    few = df < _NORMAL_DF
    if not few.any():
        return result
    n, t = df[few], result[few]
    log_height = _log_gamma((n + 1.0) / 2.0) - _log_gamma(n / 2.0) - 0.5 * np.log(n * math.pi)
    for _ in range(_MAX_STEPS):
        density = np.exp(log_height - (n + 1.0) / 2.0 * np.log1p(t * t / n))
        step = (student_two_sided(t, n) - wanted) / (2.0 * density)
        t += step
        if (np.abs(step) <= 1e-10 * t).all():
            break
    result[few] = t
    return result


def normal_deviates(p_values: F64) -> F64:
    """Return |z| of two-sided p-values of the normal distribution."""
    return np.asarray(-_inverse_normal(np.clip(p_values / 2.0, _TINY, 0.5)), np.float64)


def trigamma(x: float) -> float:
    """Return the derivative of the digamma function of a positive number."""
    result = 0.0
    while x < 10.0:
        result += 1.0 / (x * x)
        x += 1.0
    s = 1.0 / (x * x)
    return result + 1.0 / x + s / 2 + s / x * (1 / 6 - s * (1 / 30 - s / 42))
