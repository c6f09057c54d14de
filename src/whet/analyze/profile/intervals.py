"""How sure a share is: 95 % intervals and the Amdahl bound.

A share measured with n independent samples is a binomial proportion; its interval is
Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and
statistical inference", J. Am. Stat. Assoc. 22, 1927), which stays inside 0..1 and holds
its level for small n and extreme shares (Brown, Cai, DasGupta, Stat. Sci. 16, 2001).

Samples of unequal weight carry less information: n is the effective number
(sum w)^2 / sum w^2 (L. Kish, "Survey Sampling", 1965). Where the weights are not in the
profile any more because samples were summed, its comment `whet: interval_cv2=X` tells
their squared coefficient of variation, and n / (1 + X) is an upper limit. Heap profiles
have no count of samples; what they rest upon follows from sizes (heap_intervals.py).

The bound is G. M. Amdahl's (AFIPS 1967) for a part that costs nothing any more.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.model.profile import Profile

__all__ = ["Interval", "Intervals", "NodeIntervals", "amdahl_bound", "build_intervals", "wilson_interval"]

Z_95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution
FEW_SAMPLES = 100
# Our collectors of waits say where they begin to count, see docs/waits.md.
_EXACT = re.compile(r"^whet: threshold_ns=")
_JOINED = re.compile(r"^whet: wall_running_ns=")
_CV2 = re.compile(r"\bwhet: interval_cv2=([0-9.eE+-]+)")


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed range."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class NodeIntervals:
    """Intervals of changes, by node, in parts of the base's total."""

    flat: dict[int, Interval]
    cum: dict[int, Interval]


@dataclass(frozen=True, slots=True)
class Intervals:
    """What is needed to give a value its interval.

    Attributes:
        total: the value that shares are shares of.
        samples: how many samples were taken, or None where the profile does not say.
        effective: how many equal, independent samples are worth as much.
        reason: why there are no intervals, '' where there are.
        by_node: of a difference, whose intervals do not follow from the values of its rows.
    """

    total: int
    samples: int | None
    effective: float
    reason: str = ""
    by_node: NodeIntervals | None = None

    @property
    def few(self) -> bool:
        """Whether there are too few samples to say much."""
        return not self.reason and self.effective < FEW_SAMPLES

    def of_node(self, node: int, flat: int, cum: int) -> tuple[Interval | None, Interval | None]:
        """Return the intervals of the shares of a node's flat and cum values."""
        if self.by_node is None:
            return self.share(flat), self.share(cum)
        return self.by_node.flat.get(node), self.by_node.cum.get(node)

    def share(self, value: int) -> Interval | None:
        """Return the interval of a value's share; None where there is none."""
        if self.reason or not self.total or self.by_node is not None:
            return None
        return wilson_interval(value / self.total, self.effective)

    def bound(self, value: int) -> Interval | None:
        """Return the interval of the Amdahl bound of a cumulative value."""
        share = self.share(value)
        return None if share is None else Interval(amdahl_bound(share.low), amdahl_bound(share.high))


def wilson_interval(share: float, n: float, z: float = Z_95) -> Interval:
    """Return Wilson's score interval of a proportion seen in n samples."""
    if n <= 0:
        return Interval(0.0, 1.0)
    share = min(max(share, 0.0), 1.0)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the exact limit is 0 or 1, and rounding must not move it.
    low = 0.0 if share == 0.0 else max(0.0, middle - half)
    return Interval(low, 1.0 if share == 1.0 else min(1.0, middle + half))


def amdahl_bound(share: float) -> float:
    """Return how much faster everything would be without a part: inf if it is everything."""
    return math.inf if share >= 1.0 else 1.0 / (1.0 - max(share, 0.0))


def build_intervals(profile: Profile, index: int, total: int) -> Intervals:
    """Find out how many samples value column `index` of a whole profile rests upon."""
    names = profile.sample_type_names()
    if ("samples", "count") not in names:
        from whet.analyze.profile.heap_intervals import heap_sampling, was_in_turns

        heap = heap_sampling(profile, index)
        if heap is not None and heap.blocks:
            # What is known of every part; node_intervals() knows more of a row.
            effective = total / heap.grain if heap.grain > 0 else float(heap.blocks)
            return Intervals(total, heap.blocks, effective)
        if was_in_turns(profile):
            return Intervals(total, None, 0.0, "small blocks were looked at in turns, so no intervals")
        if any(_EXACT.search(comment) for comment in profile.comment_texts()):
            return Intervals(total, None, 0.0, "every wait is counted, none is sampled")
        if any(_JOINED.search(comment) for comment in profile.comment_texts()):
            return Intervals(total, None, 0.0, "waits are counted, so intervals are those of the CPU profile")
        return Intervals(total, None, 0.0, "no samples/count column, so no intervals")
    values = profile.samples.values
    counts = values[:, names.index(("samples", "count"))]
    weights = values[:, index]
    if (counts < 0).any() or (weights < 0).any():
        return Intervals(total, None, 0.0, "a difference of profiles, so no intervals")
    samples = int(counts.sum())
    if samples == 0:
        return Intervals(total, 0, 0.0, "no samples, so no intervals")
    if ((counts == 0) & (weights != 0)).any():
        return Intervals(total, samples, 0.0, "values without a sample count, so no intervals")
    effective = min(_kish(counts, weights), samples / (1.0 + _interval_cv2(profile)))
    return Intervals(total, samples, effective)


def _kish(counts: npt.NDArray[np.int64], weights: npt.NDArray[np.int64]) -> float:
    used = counts > 0
    weight, count = weights[used].astype(np.float64), counts[used].astype(np.float64)
    squares = float((weight * weight / count).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def _interval_cv2(profile: Profile) -> float:
    for comment in profile.comment_texts():
        found = _CV2.search(comment)
        if found:
            try:
                return max(0.0, float(found[1]))
            except ValueError:
                return 0.0
    return 0.0
