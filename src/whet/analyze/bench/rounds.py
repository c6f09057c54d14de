"""Statistics of one benchmark's rounds, as pytest-benchmark names them.

The names and what they mean are those of https://pytest-benchmark.readthedocs.io; times are seconds per
call. Quartiles are the mean of the two ways in which textbooks split an odd number of values: with
and without the middle one in both halves.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import cached_property

__all__ = ["FIELDS", "RoundStatistics", "margin_of_error"]

FIELDS = (
    "min", "max", "mean", "stddev", "rounds", "median", "iqr", "q1", "q3", "iqr_outliers", "stddev_outliers",
    "outliers", "ld15iqr", "hd15iqr", "ops", "total",
)  # fmt: skip
_FENCE = 1.5


class RoundStatistics:
    """Statistics of rounds.

    Args:
        data: seconds per call of each round, in the order in which they were measured; at least one.
    """

    fields = FIELDS

    def __init__(self, data: Sequence[float]) -> None:
        self.data = list(data)

    @cached_property
    def sorted_data(self) -> list[float]:
        """The data, smallest first."""
        return sorted(self.data)

    @cached_property
    def rounds(self) -> int:
        """How many rounds there were."""
        return len(self.data)

    @cached_property
    def total(self) -> float:
        return math.fsum(self.data)

    @cached_property
    def min(self) -> float:
        return self.sorted_data[0]

    @cached_property
    def max(self) -> float:
        return self.sorted_data[-1]

    @cached_property
    def mean(self) -> float:
        return statistics.fmean(self.data)

    @cached_property
    def stddev(self) -> float:
        """Of the sample; 0 for a single round."""
        return statistics.stdev(self.data) if len(self.data) > 1 else 0.0

    @cached_property
    def median(self) -> float:
        return statistics.median(self.data)

    @cached_property
    def q1(self) -> float:
        half = len(self.data) // 2
        return self._hinge(self.sorted_data[:half], self.sorted_data[: len(self.data) - half])

    @cached_property
    def q3(self) -> float:
        half = len(self.data) // 2
        return self._hinge(self.sorted_data[len(self.data) - half :], self.sorted_data[half:])

    def _hinge(self, without: list[float], including: list[float]) -> float:
        if not without:
            return including[0]
        return (statistics.median(without) + statistics.median(including)) / 2

    @cached_property
    def iqr(self) -> float:
        """The range between the quartiles."""
        return self.q3 - self.q1

    @cached_property
    def ld15iqr(self) -> float:
        """The lowest value within 1.5 `iqr` of the lower quartile."""
        return next(x for x in self.sorted_data if x >= self.q1 - _FENCE * self.iqr)

    @cached_property
    def hd15iqr(self) -> float:
        """The highest value within 1.5 `iqr` of the upper quartile."""
        return next(x for x in reversed(self.sorted_data) if x <= self.q3 + _FENCE * self.iqr)

    @cached_property
    def iqr_outliers(self) -> int:
        """How many values lie beyond 1.5 `iqr` of the quartiles."""
        low, high = self.q1 - _FENCE * self.iqr, self.q3 + _FENCE * self.iqr
        return sum(not low <= x <= high for x in self.data)

    @cached_property
    def stddev_outliers(self) -> int:
        """How many values lie more than a standard deviation from the mean."""
        return sum(abs(x - self.mean) > self.stddev for x in self.data)

    @cached_property
    def outliers(self) -> str:
        return f"{self.stddev_outliers};{self.iqr_outliers}"

    @cached_property
    def ops(self) -> float:
        """Calls per second: one over the mean."""
        return 1 / self.mean if self.mean else 0.0

    def as_dict(self) -> dict[str, float | int | str]:
        """Return all fields by their names."""
        return {name: getattr(self, name) for name in FIELDS}


def margin_of_error(data: Sequence[float], confidence: float) -> float:
    """Return half the width of the mean's interval, as a share of the mean; infinite for less than two."""
    if len(data) < 2:
        return math.inf
    mean = statistics.fmean(data)
    if mean <= 0:
        return math.inf
    wide = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    return wide * statistics.stdev(data) / math.sqrt(len(data)) / mean
