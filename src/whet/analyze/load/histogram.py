"""A histogram of durations in constant memory, whatever their number and range.

Buckets are log-linear, as in G. Tene's HdrHistogram: each power of two is cut into 1024 equal parts, so
that a value read back differs from the one put in by at most one part in 2048 (`RELATIVE_ERROR`); below
2048 ns it is exact. Number, sum, smallest and largest value are exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["RELATIVE_ERROR", "Histogram"]

I64 = npt.NDArray[np.int64]

_PART_BITS = 10
_PARTS = 1 << _PART_BITS
# 2^50 ns are 13 days; longer durations count as that.
_MOST_BITS = 50
_MOST_NS = (1 << _MOST_BITS) - 1
_BUCKETS = (_MOST_BITS - _PART_BITS + 1) * _PARTS
RELATIVE_ERROR = 1 / (2 * _PARTS)


class Histogram:
    """Durations in ns.

    Attributes:
        counts: int64[buckets].
        count, total_ns: how many durations there are, and their exact sum.
        lowest_ns, highest_ns: exact; 0 where there is none.
    """

    __slots__ = ("count", "counts", "highest_ns", "lowest_ns", "total_ns")

    def __init__(self) -> None:
        self.counts: I64 = np.zeros(_BUCKETS, np.int64)
        self.count = 0
        self.total_ns = 0
        self.lowest_ns = 0
        self.highest_ns = 0

    def add(self, durations_ns: I64) -> None:
        """Add durations, int64[n]; what is below 0 counts as 0."""
        if not len(durations_ns):
            return
        clipped = np.clip(durations_ns, 0, _MOST_NS)
        lowest, highest = int(clipped.min()), int(clipped.max())
        self.lowest_ns = min(self.lowest_ns, lowest) if self.count else lowest
        self.highest_ns = max(self.highest_ns, highest)
        self.count += len(clipped)
        self.total_ns += int(clipped.sum())
        places = _places(clipped)
        first = int(places.min())
        found = np.bincount(places - first)
        self.counts[first : first + len(found)] += found

    def merge(self, other: Histogram) -> None:
        """Add all durations of another histogram."""
        if not other.count:
            return
        self.lowest_ns = min(self.lowest_ns, other.lowest_ns) if self.count else other.lowest_ns
        self.highest_ns = max(self.highest_ns, other.highest_ns)
        self.count += other.count
        self.total_ns += other.total_ns
        self.counts += other.counts

    @property
    def mean_ns(self) -> float:
        """The exact mean; 0 where there is nothing."""
        return self.total_ns / self.count if self.count else 0.0

    def quantile_ns(self, share: float) -> int:
        """Return the smallest duration that `share` (0..1) of all do not exceed; 0 where there is none."""
        if not self.count:
            return 0
        rank = max(1, int(np.ceil(share * self.count - 1e-9)))
        if rank >= self.count:
            return self.highest_ns
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        low, high = _bounds(place)
        return min(max((low + high - 1) // 2, self.lowest_ns), self.highest_ns)

    def count_between(self, low_ns: int, high_ns: int) -> int:
        """Return how many durations lie in buckets that begin in [low_ns, high_ns)."""
        first, last = (int(_places(np.array([min(max(edge, 0), _MOST_NS)]))[0]) for edge in (low_ns, high_ns))
        return int(self.counts[first:last].sum())


def _places(values: I64) -> npt.NDArray[np.intp]:
    """Return the buckets of int64[n] in 0.._MOST_NS."""
    # frexp is exact below 2^53: its exponent is the number's bit length.
    _, bits = np.frexp(values.astype(np.float64))
    shift = np.maximum(bits - (_PART_BITS + 1), 0).astype(np.int64)
    places: npt.NDArray[np.intp] = (shift * _PARTS + (values >> shift)).astype(np.intp)
    return places


def _bounds(place: int) -> tuple[int, int]:
    """Return the first value of a bucket, and the first one after it."""
    shift = max(0, place // _PARTS - 1)
    low = (place - shift * _PARTS) << shift
    return low, low + (1 << shift)
