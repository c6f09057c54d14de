"""Heap profiles carry what their intervals need: checked against sampling simulated by its definition."""

import numpy as np
import pytest

from whet.analyze.profile.heap_intervals import heap_sampling, share_interval
from whet.analyze.profile.intervals import build_intervals
from whet.model.profile import Profile, Samples, StringTable

TYPES = [("alloc_objects", "count"), ("alloc_space", "bytes")]


def heap_profile(rows, period, types=TYPES, period_type=("space", "bytes")):
    strings = StringTable.from_texts(["", *[t for pair in types for t in pair], *period_type])
    n, width = len(rows), len(types)
    return Profile(
        strings=strings,
        sample_type=[(1 + 2 * i, 2 + 2 * i) for i in range(width)],
        period_type=(1 + 2 * width, 2 + 2 * width),
        period=period,
        samples=Samples(
            stack_start=np.zeros(n + 1, np.int64),
            values=np.array(rows, np.int64).reshape(n, width),
            label_start=np.zeros(n + 1, np.int64),
        ),
    )


def sampled_row(rng, count, size, period):
    """One row as a sampler that scales as Go does would leave it."""
    p = -np.expm1(-size / period)
    objects = rng.binomial(count, p) / p
    return [round(objects), round(objects * size)]


@pytest.mark.parametrize("index", [0, 1])
def test_variance_is_that_of_repeated_sampling(index):
    rng, period = np.random.default_rng(5), 1000
    rows = [[sampled_row(rng, 3000, size, period) for size in (40, 900, 5000)] for _ in range(2000)]
    seen = np.var([sum(row[index] for row in one) for one in rows])
    claimed = [heap_sampling(heap_profile(one, period), index).variance.sum() for one in rows[:200]]
    assert np.mean(claimed) == pytest.approx(seen, rel=0.1)


@pytest.mark.parametrize("sizes", [(50, 50), (50, 20_000), (900, 3000), (20_000, 50)])
def test_share_intervals_cover_the_truth_in_about_95_percent(sizes):
    rng, period = np.random.default_rng(11), 1000
    count = [2_000_000 // sizes[0], 6_000_000 // sizes[1]]
    truth = count[0] * sizes[0] / (count[0] * sizes[0] + count[1] * sizes[1])
    covered = 0
    for _ in range(2000):
        rows = [sampled_row(rng, c, s, period) for c, s in zip(count, sizes, strict=True)]
        sampling = heap_sampling(heap_profile(rows, period), 1)
        total = rows[0][1] + rows[1][1]
        interval = share_interval(
            rows[0][1] / total, total, sampling.variance[0], sampling.variance.sum(), sampling.grain
        )
        covered += interval.low <= truth <= interval.high
    assert 0.93 <= covered / 2000 <= 0.975


def test_everything_sampled_is_exact():
    sampling = heap_sampling(heap_profile([[3, 300], [1, 50]], 1), 1)
    assert sampling.blocks == 4
    interval = share_interval(0.25, 350, 0.0, float(sampling.variance.sum()), sampling.grain)
    assert (interval.low, interval.high) == (0.25, 0.25)


def test_the_common_interval_is_never_surer_than_a_row():
    profile = heap_profile([[1000, 10_000], [10, 1_000_000]], 1000)
    sampling = heap_sampling(profile, 1)
    common = build_intervals(profile, 1, 1_010_000)
    row = share_interval(
        10_000 / 1_010_000, 1_010_000, sampling.variance[0], sampling.variance.sum(), sampling.grain
    )
    wide = common.share(10_000)
    assert common.reason == ""
    assert wide.low <= row.low + 1e-12
    assert wide.high >= row.high - 1e-12


@pytest.mark.parametrize(
    "profile",
    [
        heap_profile([[1, 10]], 0),
        heap_profile([[-1, -10]], 512),
        heap_profile([[0, 10]], 512),
        heap_profile([[1, 10]], 512, period_type=("cpu", "nanoseconds")),
        heap_profile([[1, 10]], 512, types=[("objects", "count"), ("space", "bytes")]),
    ],
)
def test_no_claim_without_grounds(profile):
    assert heap_sampling(profile, 1) is None


def test_blocks_that_were_looked_at_in_turns_have_no_intervals():
    profile = heap_profile([[400, 400_000]], 1000)
    assert not build_intervals(profile, 1, 400_000).reason
    turns = [*(profile.strings.text(i) for i in range(len(profile.strings))), "whet: heap_small_each=8"]
    profile.strings = StringTable.from_texts(turns)
    profile.comments = [len(turns) - 1]
    assert "in turns" in build_intervals(profile, 1, 400_000).reason
    assert heap_sampling(profile, 1) is None
