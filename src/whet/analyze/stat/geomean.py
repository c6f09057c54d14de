"""Geometric means that agree with benchstat's to the last digit.

CSV shows all digits, so logarithm and exponential are computed step by step as Go computes
them on x86-64: the logarithm by FDLIBM's e_log, the exponential by N. Shibata's reduction ("Efficient
evaluation methods of elementary functions suitable for SIMD computation", 2010) with fused
multiplications and additions. Both are within a unit in the last place of any other.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["exponential", "geometric_mean"]

F64 = npt.NDArray[np.float64]

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LOG_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
_LOG_ODD = (
    6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01,
)  # fmt: skip
_LOG2_E = 1.4426950408889634
_EXP_HIGH, _EXP_LOW = 0.69314718055966295651160180568695068359375, 0.28235290563031577122588448175013436e-12
_EXP_TERMS = (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0)


def geometric_mean(values: F64) -> float:
    """Return the geometric mean, NaN of nothing or if a value is not positive."""
    if not len(values) or not (values > 0).all():
        return math.nan
    mean = 0.0
    for count, logarithm in enumerate(_logarithms(values).tolist(), 1):
        mean += (logarithm - mean) / count
    return exponential(mean)


def _logarithms(values: F64) -> F64:
    fraction, exponent = np.frexp(values)
    small = fraction < math.sqrt(0.5)
    k = exponent - small.astype(np.float64)
    f = np.where(small, fraction * 2, fraction) - 1
    f[np.isinf(values)] = 0.0
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    odd = s2 * _horner(_LOG_ODD, s4)
    even = s4 * _horner(_LOG_EVEN, s4)
    half = 0.5 * f * f
    result = k * _LN2_HIGH - ((half - (s * (half + (odd + even)) + k * _LN2_LOW)) - f)
    return np.where(np.isinf(values), math.inf, result)


def _horner(terms: tuple[float, ...], x: F64) -> F64:
    result = np.full(len(x), terms[-1])
    for term in terms[-2::-1]:
        result = term + x * result
    return result


def exponential(x: float) -> float:
    """Return e to the power of x as Go rounds it."""
    if math.isnan(x):
        return x
    if abs(x) > 700:  # beyond what is done in steps below
        return math.exp(x) if x < 709 else math.inf
    power = round(x * _LOG2_E)
    reduced = _fused(-power, _EXP_LOW, _fused(-power, _EXP_HIGH, x)) * 0.0625
    series = 1 / 40320
    for term in _EXP_TERMS:
        series = _fused(series, reduced, term)
    y = reduced * series
    for _ in range(3):
        y *= 2 + y
    return math.ldexp(_fused(y, 2 + y, 1.0), power)


def _fused(a: float, b: float, c: float) -> float:
    """Return a * b + c, rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))
