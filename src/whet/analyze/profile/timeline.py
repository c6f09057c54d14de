"""When samples were taken, where a profile tells: numeric labels that are times.

The convention of profilers that keep one sample a row is a numeric label such as
`timestamp_ns` or `end_timestamp_ns`; its unit is the label's, or the end of its name. A profile
without such a label has no timeline. Nothing is formatted here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.labels import number_rows
from whet.model.profile import Profile

__all__ = ["BINS", "Timeline", "build_timeline"]

I64 = npt.NDArray[np.int64]

BINS = 200
_KEY = re.compile(r"(?:end_|start_)?(?:timestamp|time)(?:_(ns|us|ms|s))?")
_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_NS |= {"nanoseconds": 1, "microseconds": 1_000, "milliseconds": 1_000_000, "seconds": 1_000_000_000}
_LARGEST = (1 << 63) - 1


@dataclass(slots=True)
class Timeline:
    """Times of samples.

    Attributes:
        key: the label they come from.
        offset_ns: int64[n], since the earliest sample; -1 for samples without a time.
        length_ns: the time of the latest sample.
    """

    key: str
    offset_ns: I64
    length_ns: int

    def during(self, low_ns: int, high_ns: int) -> npt.NDArray[np.bool_]:
        """Flag the samples from `low_ns` up to and with `high_ns`."""
        flags: npt.NDArray[np.bool_] = (self.offset_ns >= max(0, low_ns)) & (self.offset_ns <= high_ns)
        return flags

    def histogram(self, values: I64) -> I64:
        """Add up absolute values over `BINS` equal parts of the time: int64[BINS]."""
        known = self.offset_ns >= 0
        # As floats, because a product of nanoseconds may exceed 64 bits.
        place = (self.offset_ns[known] * (BINS / (self.length_ns + 1))).astype(np.int64)
        sums = np.bincount(np.minimum(place, BINS - 1), np.abs(values[known]), minlength=BINS)
        return sums.astype(np.int64)


def build_timeline(profile: Profile) -> Timeline | None:
    """Return the times of a profile's samples; None where it has none or all are the same."""
    labels = profile.samples.labels
    rows = number_rows(profile)
    for key in np.unique(labels.key[rows]).tolist():
        name = profile.strings.text(key)
        found = _KEY.fullmatch(name)
        mine = rows[labels.key[rows] == key]
        units = np.unique(labels.unit[mine]).tolist()
        scale = _scale(found[1] or "", [profile.strings.text(u) for u in units]) if found else 0
        if scale:
            timeline = _timeline(profile, name, mine, scale)
            if timeline is not None:
                return timeline
    return None


def _scale(suffix: str, units: list[str]) -> int:
    """Return how many nanoseconds a number stands for, 0 if that is not known."""
    if len(units) != 1:
        return 0
    return _NS.get(units[0] or suffix, 0) if units[0] != "" or suffix else 0


def _timeline(profile: Profile, name: str, rows: I64, scale: int) -> Timeline | None:
    samples = profile.samples
    number = samples.labels.number[rows]
    low, high = int(number.min()), int(number.max())
    length_ns = (high - low) * scale
    if not 0 < length_ns <= _LARGEST:
        return None
    offset = np.full(len(samples), -1, np.int64)
    owner = np.searchsorted(samples.label_start, rows, side="right") - 1
    offset[owner] = (number - low) * scale
    return Timeline(name, offset, length_ns)
