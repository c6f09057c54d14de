from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from web.profiles import Sample, Step, build
from whet.analyze.profile.choice import Choices
from whet.analyze.profile.timeline import BINS, build_timeline
from whet.errors import UsageError
from whet.model.profile import Labels, Profile, StringTable


def timed(key: str, unit: str, times: list[int]) -> Profile:
    profile = build([Sample([Step("main")], (1, 10)) for _ in times])
    count = len(profile.strings)
    labels = Labels(
        key=np.full(len(times), count, np.int32),
        text=np.zeros(len(times), np.int32),
        number=np.array(times, np.int64),
        unit=np.full(len(times), count + 1 if unit else 0, np.int32),
    )
    samples = replace(profile.samples, labels=labels, label_start=np.arange(len(times) + 1))
    strings = StringTable.from_texts([*profile.strings.texts(), key, unit])
    return replace(profile, samples=samples, strings=strings)


@pytest.mark.parametrize(
    ("key", "unit", "length_ns"),
    [("timestamp_ns", "", 200), ("end_timestamp_ns", "", 200), ("time", "milliseconds", 200_000_000)],
)
def test_numeric_labels_that_are_times_make_a_timeline(key: str, unit: str, length_ns: int) -> None:
    timeline = build_timeline(timed(key, unit, [1000, 1100, 1200]))
    assert timeline is not None
    assert timeline.length_ns == length_ns
    sums = timeline.histogram(np.array([1, -2, 4]))
    assert (sums.sum(), sums[0], sums[-1], len(sums)) == (7, 1, 4, BINS)


@pytest.mark.parametrize(
    ("key", "unit", "times"),
    [("size", "bytes", [1, 2]), ("timestamp", "", [1, 2]), ("time", "bytes", [1, 2]), ("time", "ms", [3, 3])],
)
def test_other_labels_make_none(key: str, unit: str, times: list[int]) -> None:
    assert build_timeline(timed(key, unit, times)) is None


def test_a_part_of_the_time_is_chosen() -> None:
    profile = timed("timestamp_ns", "", [10, 20, 30])
    assert len(Choices(profile).chosen((), (0, 10)).samples) == 2
    with pytest.raises(UsageError, match="have no time"):
        Choices(build([Sample([Step("main")], (1, 1))])).chosen((), (0, 1))
