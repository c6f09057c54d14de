"""What if: how much faster the whole would get if some functions were faster.

`REGEX=2x` makes every matching function and all it calls take half its time; a sample with
several matching frames counts once, and once for each of several expressions. This is
G. M. Amdahl's argument (AFIPS 1967) per sample: it holds where the saved time is not waited
for by something else.

The saved share is a mean over samples of numbers in a known range. Its interval is Wilson's,
with the effective number of samples scaled to the variance the numbers have: for a single
expression this is exactly the interval of the share, scaled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.intervals import Interval, Intervals, wilson_interval
from whet.analyze.profile.matching import matching_strings
from whet.analyze.profile.report import Report
from whet.analyze.profile.select import count_per_row
from whet.analyze.regexp.pattern import compile_pattern
from whet.errors import UsageError

__all__ = ["Speedup", "build_speedups", "gain_rows"]

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Speedup:
    """The effect on the whole.

    Attributes:
        text: as asked for; of several together, joined by a comma.
        saved: the share of the total that would go; negative where it would grow.
        interval: of `saved`, None where the profile gives no ground for one.
    """

    text: str
    saved: float
    interval: Interval | None

    @property
    def gain(self) -> float:
        """How many times faster the whole would be; infinite if nothing is left."""
        return _gain(self.saved)

    @property
    def gain_interval(self) -> Interval | None:
        """The interval of `gain`."""
        if self.interval is None:
            return None
        return Interval(_gain(self.interval.low), _gain(self.interval.high))


def build_speedups(report: Report) -> list[Speedup]:
    """Return the effect of each expression of the option `speedup`, and of all of them together.

    Raises:
        UsageError: one is malformed or matches nothing, or the profile is a difference.
    """
    texts = report.config.speedup
    if not texts:
        return []
    if (report.whole.samples.values[:, report.index] < 0).any():
        raise UsageError(
            "a difference of profiles has no whole that could be faster", hint="leave out --speedup"
        )
    intervals = report.intervals()
    left = [_time_left(report, text) for text in texts]
    result = [_speedup(report, intervals, text, part) for text, part in zip(texts, left, strict=True)]
    if len(texts) > 1:
        together: F64 = np.prod(left, axis=0)
        result.append(_speedup(report, intervals, ", ".join(texts), together))
    return result


def _time_left(report: Report, text: str) -> F64:
    """Return what is left of each sample's value: float64[samples]."""
    regex, factor = _parse(text)
    pattern = compile_pattern(regex, name="speedup")
    profile = report.profile
    functions, locations, samples = profile.functions, profile.locations, profile.samples
    function = matching_strings(profile, functions.name, pattern)
    location = count_per_row(function[locations.line_function], locations.line_start) > 0
    matching = count_per_row(location, samples.stack_start, samples.stack) > 0
    if not matching.any():
        raise UsageError(
            f"no function matches {regex!r} of --speedup", hint="whet prof top shows the names there are"
        )
    return np.where(matching, factor, 1.0)


def _parse(text: str) -> tuple[str, float]:
    """Split `REGEX=2x`, `REGEX=30%` or `REGEX=free` into the expression and what is left of the time."""
    regex, _, amount = text.rpartition("=")
    left = math.nan
    try:
        if amount == "free":
            left = 0.0
        elif amount.endswith("%"):
            left = 1.0 - float(amount[:-1]) / 100.0
        elif amount.endswith("x"):
            left = 1.0 / float(amount[:-1])
    except (ValueError, ZeroDivisionError):
        pass
    if not regex or not 0.0 <= left < 1e6:
        raise UsageError(
            f"invalid value {text!r} for speedup",
            hint="REGEX=2x (twice as fast), REGEX=30% (30 % less time) or REGEX=free",
        )
    return regex, left


def _speedup(report: Report, intervals: Intervals, text: str, left: F64) -> Speedup:
    if not report.total:
        return Speedup(text, 0.0, None)
    weight, saving = report.values / report.total, 1.0 - left
    saved = float(weight @ saving)
    if intervals.reason:
        return Speedup(text, saved, None)
    return Speedup(text, saved, _saved_interval(weight, saving, saved, intervals.effective))


def _saved_interval(weight: F64, saving: F64, saved: float, n: float) -> Interval:
    """Return the interval of a mean of bounded numbers; what is filtered out saves nothing."""
    low, high = min(0.0, float(saving.min())), max(0.0, float(saving.max()))
    if low == high:
        return Interval(saved, saved)
    scaled, nothing = (saving - low) / (high - low), -low / (high - low)
    mean = (saved - low) / (high - low)
    square = float(weight @ scaled**2) + (1.0 - float(weight.sum())) * nothing**2
    variance = square - mean * mean
    if variance > 0.0:
        n *= max(mean * (1.0 - mean), 0.0) / variance
    found = wilson_interval(mean, n)
    return Interval(low + found.low * (high - low), low + found.high * (high - low))


def _gain(saved: float) -> float:
    return math.inf if saved >= 1.0 else 1.0 / (1.0 - saved)


def gain_rows(speedups: Sequence[Speedup]) -> list[dict[str, object]]:
    """Return speedups as records for machines; null: no limit, or no interval."""
    return [
        {
            "speedup": s.text,
            "saved": s.saved,
            "saved_low": s.interval.low if s.interval else None,
            "saved_high": s.interval.high if s.interval else None,
            "gain": _finite(s.gain),
            "gain_low": _finite(s.gain_interval.low) if s.gain_interval else None,
            "gain_high": _finite(s.gain_interval.high) if s.gain_interval else None,
        }
        for s in speedups
    ]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
