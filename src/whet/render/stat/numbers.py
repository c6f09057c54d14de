"""Numbers of benchmark tables as text: scaled values, ranges, changes; benchstat's to the byte."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Scale", "common_scale", "delta_text", "fixed", "p_text", "range_text", "ratio_text"]

# (factor, prefix, thresholds for 1, 2 and 3 digits after the point)
_Step = tuple[float, str, float, float, float]


def _decimal_steps() -> list[_Step]:
    prefixes = zip(range(12, -12, -3), ("T", "G", "M", "k", "", "m", "µ", "n"), strict=True)
    return [
        (float(f"1e{e}"), prefix, float(f"99.995e{e}"), float(f"9.9995e{e}"), float(f".99995e{e}"))
        for e, prefix in prefixes
    ]


def _binary_steps() -> list[_Step]:
    prefixes = zip(range(40, -10, -10), ("Ti", "Gi", "Mi", "Ki", ""), strict=True)
    return [
        (2.0**e, prefix, math.ldexp(99.995, e), math.ldexp(9.9995, e), math.ldexp(0.99995, e))
        for e, prefix in prefixes
    ]


_DECIMAL, _BINARY = _decimal_steps(), _binary_steps()
_SMALL = [float(f"9.9995e{e}") for e in range(-1, -9, -1)]
_SMALL_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Scale:
    """How values are written: divided by a factor, with so many digits, before a prefix."""

    digits: int
    factor: float
    prefix: str

    def format(self, value: float) -> str:
        """Write a value."""
        return f"{fixed(value / self.factor, self.digits)}{self.prefix}"


_UNSCALED = Scale(3, 1.0, "")


def common_scale(values: Iterable[float], *, binary: bool) -> Scale:
    """Return the scale that shows three significant digits of the smallest value that is not 0."""
    # The first NaN stays: a row with one is not scaled.
    smallest = min((abs(v) for v in values if v != 0), default=0.0)
    if smallest == 0:
        return _UNSCALED
    steps = _BINARY if binary else _DECIMAL
    for factor, prefix, three, two, one in steps:
        if smallest >= one:
            digits = 1 if smallest >= three else 2 if smallest >= two else 3
            return Scale(digits, factor, prefix)
    factor, prefix, *_ = steps[-1]
    scaled = smallest / factor
    place = next((i for i, least in enumerate(_SMALL) if scaled >= least), len(_SMALL) - 1)
    return Scale(place + _SMALL_DIGITS, factor, prefix)


def fixed(value: float, digits: int, *, sign: bool = False) -> str:
    """Write a number with a fixed count of digits, infinities and NaN as Go does."""
    if math.isfinite(value):
        return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    if math.isnan(value):
        return "+NaN" if sign else "NaN"
    return "+Inf" if value > 0 else "-Inf"


def range_text(center: float, low: float, high: float) -> str:
    """Write an interval as the larger distance from its center, in percent."""
    if math.isinf(low) or math.isinf(high):
        return "∞"
    if low > 0 and center < math.inf:  # nearly always
        return f"{100 * max(high / center - 1, 1 - low / center):.0f}%"
    if not (_sign(center) == _sign(low) == _sign(high)):
        return "?"
    if center == 0:
        return "0%"
    if math.isinf(center):
        return "NaN%"
    return f"{fixed(100 * max(high / center - 1, 1 - low / center), 0)}%"


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def delta_text(old: float, new: float) -> str:
    """Write a change that is there."""
    if old == new:
        return "0.00%"
    if old == 0:
        return "?"
    return f"{fixed((new / old - 1.0) * 100.0, 2, sign=True)}%"


def p_text(p: float, old_size: int, new_size: int) -> str:
    """Write p (unless it is 0: then nothing was tested) and how many values there were."""
    sizes = f"n={old_size}" if old_size == new_size else f"n={old_size}+{new_size}"
    return f"p={p:.3f} {sizes}" if p else sizes


def ratio_text(ratio: float) -> str:
    """Write the change that a ratio is, `?` where there is none."""
    return "?" if math.isnan(ratio) else f"{fixed((ratio - 1) * 100, 2, sign=True)}%"
