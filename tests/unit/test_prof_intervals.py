"""Intervals cover the truth, and are withheld where there is no ground for them."""

import math

import numpy as np
import pytest

from whet.analyze.profile.intervals import amdahl_bound, build_intervals, wilson_interval
from whet.model.profile import Profile, Samples, StringTable


def profile_of(types, values, comments=()):
    texts = ["", *[t for pair in types for t in pair], *comments]
    strings = StringTable.from_texts(texts)
    n = len(values)
    samples = Samples(
        stack_start=np.zeros(n + 1, np.int64),
        values=np.array(values, np.int64).reshape(n, len(types)),
        label_start=np.zeros(n + 1, np.int64),
    )
    first = 1 + 2 * len(types)
    return Profile(
        strings=strings,
        sample_type=[(1 + 2 * i, 2 + 2 * i) for i in range(len(types))],
        samples=samples,
        comments=list(range(first, first + len(comments))),
    )


CPU = [("samples", "count"), ("cpu", "nanoseconds")]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [200, 10_000])
def test_wilson_interval_covers_the_truth_in_about_95_percent(share, n):
    seen = np.random.default_rng(7).binomial(n, share, 4000) / n
    covered = [i.low <= share <= i.high for i in (wilson_interval(s, n) for s in seen)]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_wilson_interval_agrees_with_the_published_formula():
    interval = wilson_interval(0.1, 100)
    assert interval.low == pytest.approx(0.0552, abs=1e-4)
    assert interval.high == pytest.approx(0.1744, abs=1e-4)


def test_interval_of_nothing_and_everything_stay_in_range():
    assert wilson_interval(0.0, 50).low == 0.0
    assert wilson_interval(1.0, 50).high == 1.0
    assert wilson_interval(0.3, 0) == wilson_interval(0.9, 0)


def test_amdahl_bound_of_a_share():
    assert amdahl_bound(0.5) == 2.0
    assert amdahl_bound(0.0) == 1.0
    assert math.isinf(amdahl_bound(1.0))


def test_equal_weights_are_worth_their_count():
    intervals = build_intervals(profile_of(CPU, [[3, 30], [7, 70]]), 1, 100)
    assert intervals.samples == 10
    assert intervals.effective == pytest.approx(10.0)
    assert intervals.few


def test_unequal_weights_are_worth_less():
    intervals = build_intervals(profile_of(CPU, [[1, 10], [1, 90]]), 1, 100)
    assert intervals.effective == pytest.approx(100**2 / (10**2 + 90**2))


def test_interval_spread_from_the_comment_lowers_the_effective_number():
    profile = profile_of(CPU, [[50, 50], [50, 50]], ["whet: interval_cv2=0.25"])
    assert build_intervals(profile, 1, 100).effective == pytest.approx(80.0)


@pytest.mark.parametrize(
    ("types", "values", "reason"),
    [
        ([("alloc_objects", "count"), ("alloc_space", "bytes")], [[1, 10]], "no samples/count"),
        (CPU, [[0, 10]], "no samples"),
        (CPU, [[0, 10], [1, 10]], "without a sample count"),
        (CPU, [[-1, -10]], "difference"),
    ],
)
def test_no_interval_without_ground(types, values, reason):
    intervals = build_intervals(profile_of(types, values), 1, 10)
    assert reason in intervals.reason
    assert intervals.share(5) is None
    assert intervals.bound(5) is None
