"""How sure a heap profile is: variances of sums of Poisson-sampled blocks.

Go's runtime and whet sample allocations by their bytes: a block of n bytes is in the
profile with probability p = 1 - exp(-n / period) and stands for 1 / p blocks. The variance
of such a sum is that of Horvitz and Thompson's estimator with independent samples, for
which sum((1 - p) / p^2 * x^2) over the sampled blocks is an unbiased estimate (J. Am. Stat.
Assoc. 47, 1952). All blocks of a row have about one size, which their values tell, so that a
profile holds what is needed. Large blocks are always seen and add nothing.

A share X / T then has the variance ((1 - s)^2 V(X) + s^2 V(T - X)) / T^2 (delta method); its
interval is Wilson's for the number of equal, independent samples that is worth as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.intervals import Interval, wilson_interval
from whet.model.profile import Profile

__all__ = ["Sampling", "heap_sampling", "share_interval", "was_in_turns"]

F64 = npt.NDArray[np.float64]

_KINDS = ("alloc", "inuse")


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a value column of a heap profile rests upon.

    Attributes:
        blocks: how many blocks were sampled, about.
        variance: float64[samples], of each row's value.
        grain: the largest variance per value of any row; a share of the total is at least as
            sure as one of total / grain equal samples.
    """

    blocks: int
    variance: F64
    grain: float


def heap_sampling(profile: Profile, index: int) -> Sampling | None:
    """Return how value column `index` was sampled, or None where the profile does not say."""
    pair = _columns(profile, index)
    if pair is None or profile.period < 1 or was_in_turns(profile):
        return None
    objects = profile.samples.values[:, pair[0]].astype(np.float64)
    space = profile.samples.values[:, pair[1]].astype(np.float64)
    if (objects < 0).any() or (space < 0).any() or ((objects == 0) != (space == 0)).any():
        return None
    size = np.divide(space, objects, out=np.ones_like(space), where=objects > 0)
    # A mean interval of one byte takes every block.
    p = -np.expm1(-size / profile.period) if profile.period > 1 else np.ones_like(size)
    each = np.ones_like(size) if index == pair[0] else size
    variance = objects * each * each * (1 - p) / p
    value = objects * each
    grain = float((variance[value > 0] / value[value > 0]).max(initial=0.0))
    return Sampling(round(float((objects * p).sum())), variance, grain)


def was_in_turns(profile: Profile) -> bool:
    """Whether small blocks were looked at in slots of time: samples are then no independent ones."""
    return any(comment.startswith("whet: heap_small_each=") for comment in profile.comment_texts())


def share_interval(
    share: float, total: float, part_variance: float, variance: float, grain: float
) -> Interval:
    """Return the 95 % interval of a part's share.

    Args:
        share: of the part, 0 to 1.
        total: that it is a share of.
        part_variance: of the part's value.
        variance: of the total.
        grain: as in `Sampling`.
    """
    rest = max(variance - part_variance, 0.0)
    of_share = ((1 - share) ** 2 * part_variance + share**2 * rest) / (total * total)
    if of_share <= 0.0 or not 0.0 < share < 1.0:
        # Nothing is left to chance, or nothing was seen of the one side.
        exact = variance <= 0.0 or 0.0 < share < 1.0
        return Interval(share, share) if exact else wilson_interval(share, total / grain)
    return wilson_interval(share, share * (1 - share) / of_share)


def _columns(profile: Profile, index: int) -> tuple[int, int] | None:
    """Return the columns of objects and bytes that column `index` belongs to."""
    period = profile.period_type
    if period is None or [profile.strings.text(text) for text in period] != ["space", "bytes"]:
        return None
    names = profile.sample_type_names()
    for kind in _KINDS:
        pair = (f"{kind}_objects", "count"), (f"{kind}_space", "bytes")
        if names[index] in pair and all(name in names for name in pair):
            return names.index(pair[0]), names.index(pair[1])
    return None
