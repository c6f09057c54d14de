"""The difference of two sides, node by node: estimate, interval, p-value, verdict.

Values are shares of a total, or times in units of the old side's mean total. Each side's value
is the mean of its runs, weighted by the inverse of their variances.

- The p-value is that of the exact test of two Poisson counts (the binomial test of one given
  their sum; J. Przyborowski and H. Wilenski, Biometrika 31, 1940) on effective counts: the
  counts that a Poisson variable would need for the value to have the variance it has. It stays
  right for unequal sides (100 Hz against 1 kHz) and few samples. With replicates its deviate
  is referred to Student's t, because the variance is an estimate.
- The interval combines the score intervals of both sides (R. G. Newcombe, Stat. Med. 17, 1998).
- *unchanged* means equivalent: the 90 % interval lies within the margin, which is two one-sided
  tests at 5 % (D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987). It goes before
  *changed*: with enough samples everything differs by something.
- *changed* means that the false discovery rate of calling it so is below the level, and that
  the change is estimated to be no smaller than the margin, which is the smallest of interest.
- Everything else is not decided; `needed` says how many times the data would decide it with
  80 % probability: find the difference if it is what it seems to be, or, if that is less, show
  that there is none if there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from whet.analyze.distributions import (
    binomial_two_sided,
    normal_deviates,
    normal_quantile,
    student_quantile,
    student_two_sided,
)
from whet.analyze.profile.discoveries import adjusted, can_be_discovered
from whet.analyze.profile.dispersion import Dispersion, Measured

__all__ = ["Changes", "Levels", "Verdict", "find_changes"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_POWER_80 = 0.8416212335729143  # the 80 % quantile of the normal distribution


class Verdict(IntEnum):
    """What can be said of a difference."""

    CHANGED = 0
    CANNOT_TELL = 1
    UNCHANGED = 2


@dataclass(frozen=True, slots=True)
class Levels:
    """What the verdicts are held to.

    Attributes:
        margin: differences smaller than this share of the total count as none.
        false_discovery_rate: the expected share of false ones among those called changed.
    """

    margin: float = 0.01
    false_discovery_rate: float = 0.05


@dataclass(frozen=True, slots=True)
class Changes:
    """Differences, one element a node; see the module for how each is found.

    Attributes:
        low, high: of the 95 % interval of new - old.
        p_value, q_value: of no difference; q is the false discovery rate at which it counts.
        verdict: int64[nodes], of `Verdict`.
        needed: how many times the data would decide; 1 where it is decided.
    """

    old: F64
    new: F64
    low: F64
    high: F64
    p_value: F64
    q_value: F64
    verdict: I64
    needed: F64

    @property
    def change(self) -> F64:
        """New minus old."""
        return self.new - self.old

    def take(self, rows: I64) -> Changes:
        """Return the elements at `rows`."""
        return Changes(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class _Sides:
    """Means and variances of both sides, and what the null hypothesis says: float64[nodes].

    `bounded` values are shares, others have no upper limit.
    """

    old: F64
    new: F64
    old_variance: F64
    new_variance: F64
    null: F64
    bounded: bool


def find_changes(
    measured: Measured, dispersion: Dispersion, null: F64, levels: Levels, *, bounded: bool
) -> Changes:
    """Compare the two sides.

    `null` is float64[nodes], the value of each node if nothing differs, above 0; `bounded` says
    that values are shares.
    """
    sides = _means(measured, dispersion, null, bounded=bounded)
    df = dispersion.df(measured)
    p_values, smallest = _p_values(sides, df)
    q_values, threshold = _q_values(p_values, smallest, levels)
    low, high = _interval(sides, student_quantile(0.975, df))
    inner_low, inner_high = _interval(sides, student_quantile(0.95, df))
    equivalent = (inner_low >= -levels.margin) & (inner_high <= levels.margin)
    matters = np.abs(sides.new - sides.old) >= levels.margin
    changed = matters & (q_values <= levels.false_discovery_rate)
    verdict = np.where(
        equivalent, Verdict.UNCHANGED, np.where(changed, Verdict.CHANGED, Verdict.CANNOT_TELL)
    ).astype(np.int64)
    needed = _needed(sides, threshold, levels.margin)
    needed[verdict != Verdict.CANNOT_TELL] = 1.0
    return Changes(sides.old, sides.new, low, high, p_values, q_values, verdict, needed)


def _means(measured: Measured, dispersion: Dispersion, null: F64, *, bounded: bool) -> _Sides:
    weight = 1.0 / np.maximum(dispersion.variance(measured), 1e-30)
    means, variances = [], []
    for side in (0, 1):
        rows = measured.side == side
        total = weight[rows].sum(axis=0)
        means.append((weight[rows] * measured.values[rows]).sum(axis=0) / total)
        variances.append(1.0 / total)
    return _Sides(means[0], means[1], variances[0], variances[1], null, bounded)


def _p_values(sides: _Sides, df: F64) -> tuple[F64, F64]:
    """Return the p-values and the smallest each could have been."""
    # A share above a half is the complement of one below; only the rare side is nearly Poisson.
    flipped = sides.bounded & (sides.null > 0.5)
    null = np.where(flipped, 1.0 - sides.null, sides.null)
    old_size, new_size = null / sides.old_variance, null / sides.new_variance
    old = np.where(flipped, 1.0 - sides.old, sides.old) * old_size
    new = np.where(flipped, 1.0 - sides.new, sides.new) * new_size
    share = old_size / (old_size + new_size)
    count = old + new
    smallest = np.minimum(1.0, 2.0 * np.minimum(share, 1.0 - share) ** count)
    exact = binomial_two_sided(old, count, share)
    if np.isinf(df).all():
        return exact, smallest
    return student_two_sided(normal_deviates(exact), df), student_two_sided(normal_deviates(smallest), df)


def _q_values(p_values: F64, smallest: F64, levels: Levels) -> tuple[F64, float]:
    """Return the q-values, and the p-value that one more discovery would need."""
    rate = levels.false_discovery_rate
    family = can_be_discovered(smallest, rate)
    q_values = np.ones(len(p_values))
    q_values[family] = adjusted(p_values[family])
    found, tests = int((q_values <= rate).sum()), max(int(family.sum()), 1)
    return q_values, rate * min(found + 1, tests) / tests


def _interval(sides: _Sides, quantile: F64) -> tuple[F64, F64]:
    """Return low and high of new - old."""
    old_low, old_high = _score_interval(sides, sides.old, sides.old_variance, quantile)
    new_low, new_high = _score_interval(sides, sides.new, sides.new_variance, quantile)
    change = sides.new - sides.old
    low = change - np.hypot(sides.new - new_low, old_high - sides.old)
    high = change + np.hypot(new_high - sides.new, sides.old - old_low)
    return low, high


def _score_interval(sides: _Sides, value: F64, variance: F64, quantile: F64) -> tuple[F64, F64]:
    """Return Wilson's interval of shares, or the score interval of Poisson means."""
    unit = sides.null * (1.0 - sides.null) if sides.bounded else sides.null
    size = unit / variance
    square = quantile * quantile
    if sides.bounded:
        value = np.clip(value, 0.0, 1.0)
        middle = (value + square / (2 * size)) / (1 + square / size)
        inner = value * (1 - value) / size + square / (4 * size * size)
        half = quantile / (1 + square / size) * np.sqrt(inner)
        return np.minimum(middle - half, value), np.maximum(middle + half, value)
    middle = value + square / (2 * size)
    half = quantile * np.sqrt(value / size + square / (4 * size * size))
    return np.minimum(middle - half, value), np.maximum(middle + half, value)


def _needed(sides: _Sides, threshold: float, margin: float) -> F64:
    """Return how many times the data would tell: that it changed, or that it did not."""
    error = np.sqrt(sides.old_variance + sides.new_variance)
    change = np.maximum(np.abs(sides.new - sides.old), 1e-12)
    to_differ = ((normal_quantile(1.0 - threshold / 2.0) + _POWER_80) * error / change) ** 2
    to_agree = ((normal_quantile(0.95) + normal_quantile(0.9)) * error / margin) ** 2
    return np.maximum(np.where(change < margin, to_agree, np.minimum(to_differ, to_agree)), 1.0)
