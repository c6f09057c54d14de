"""Histograms, totals, pictures and doubts of a load."""

import itertools
import math
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.analyze.load.bars import bars
from whet.analyze.load.doubts import Effort, find_doubts
from whet.analyze.load.histogram import RELATIVE_ERROR, Histogram
from whet.analyze.load.summary import PERCENTS, summarize
from whet.analyze.load.totals import Column, Totals, as_block

durations = st.lists(st.integers(0, 1 << 45), min_size=1, max_size=200)


def histogram(values):
    made = Histogram()
    made.add(np.array(values, np.int64))
    return made


def exact_quantile(values, share):
    return sorted(values)[max(1, math.ceil(share * len(values) - 1e-9)) - 1]


@given(durations, st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 0.99999, 1.0]))
def test_quantiles_are_within_the_stated_error(values, share):
    found, exact = histogram(values).quantile_ns(share), exact_quantile(values, share)
    assert abs(found - exact) <= exact * RELATIVE_ERROR
    if exact < 2048:
        assert found == exact


@given(durations, durations)
def test_number_sum_and_ends_are_exact_and_merging_is_adding(one, other):
    merged, both = histogram(one), histogram(one + other)
    merged.merge(histogram(other))
    for made in (merged, both):
        assert (made.count, made.total_ns) == (len(one + other), sum(one + other))
        assert (made.lowest_ns, made.highest_ns) == (min(one + other), max(one + other))
    assert np.array_equal(merged.counts, both.counts)


def test_negative_and_endless_durations_are_clipped():
    made = histogram([-5, 1 << 62])
    assert (made.lowest_ns, made.highest_ns) == (0, (1 << 50) - 1)


def test_empty_histogram_has_zeros():
    made = Histogram()
    made.add(np.empty(0, np.int64))
    assert (made.count, made.mean_ns, made.quantile_ns(0.5), bars(made)) == (0, 0.0, 0, [])


@given(durations)
def test_picture_shows_every_duration_once_in_contiguous_bars(values):
    shown = bars(histogram(values))
    assert sum(bar.count for bar in shown) == len(values)
    assert all(a.high_ns == b.low_ns for a, b in itertools.pairwise(shown))
    assert shown[0].low_ns <= min(values)
    assert shown[-1].high_ns > max(values) * (1 - RELATIVE_ERROR)
    assert len(shown) <= 16


def row(start=0, *, late=0, dial=0, write=1, wait=100, read=10, status=200, size=5):
    ready = start + dial
    return [
        start - late,
        start,
        ready,
        ready + write,
        ready + write + wait,
        ready + write + wait + read,
        status,
        size,
    ]


def test_block_is_split_into_phases():
    totals = Totals()
    totals.add(as_block([*row(1000, late=50), *row(2000, dial=7, status=500, wait=300)]))
    assert (totals.latency.lowest_ns, totals.latency.highest_ns) == (161, 318)
    assert (totals.service.lowest_ns, totals.service.highest_ns) == (111, 318)
    assert (totals.wait.total_ns, totals.read.total_ns, totals.write.total_ns) == (400, 20, 2)
    assert {status: found.count for status, found in totals.by_status.items()} == {200: 1, 500: 1}
    assert (totals.answers, totals.size_bytes) == (2, 10)


def test_kinds_of_statuses_and_errors_are_bounded():
    totals = Totals()
    for number in range(1000):
        totals.add(as_block(row(status=number)))
        totals.fail(f"error {number}")
    assert len(totals.by_status) <= 101
    assert len(totals.errors) <= 51
    assert totals.failures == totals.answers == 1000


def test_merged_totals_are_the_totals_of_both():
    first, second, both = Totals(), Totals(), Totals()
    for number, totals in enumerate((first, second), 1):
        for one in (totals, both):
            one.add(as_block(row(wait=number * 100, status=200 + number)))
            one.fail("reset")
            one.started += 2
    first.merge(second)
    for name in ("answers", "failures", "started", "size_bytes", "errors"):
        assert getattr(first, name) == getattr(both, name)
    assert first.latency.quantile_ns(1) == both.latency.quantile_ns(1)
    assert sorted(first.by_status) == [201, 202]


def test_percentiles_are_shown_only_where_a_duration_can_exceed_them():
    totals = Totals()
    totals.add(as_block([value for number in range(1000) for value in row(wait=number)]))
    summary = summarize(totals, 10**9, scheduled=False)
    assert list(summary.latency.percentiles) == [p for p in PERCENTS if p <= 99.9]
    assert summary.service is None
    assert summary.answers_per_s == 1000


def test_doubts_name_the_clients_own_limits():
    totals = Totals()
    totals.add(as_block([value for _ in range(1000) for value in row(wait=1_000_000)]))
    totals.started, totals.waited = 1000, 0
    assert find_doubts(totals, Effort(10**9, 10**8, 0, due=1000)) == []
    assert [d.kind for d in find_doubts(totals, Effort(10**9, 95 * 10**7, 0))] == ["client busy"]
    assert [d.kind for d in find_doubts(totals, Effort(10**9, 0, 0, due=2000))] == ["schedule missed"]
    totals.waited = 100
    assert [d.kind for d in find_doubts(totals, Effort(10**9, 0, 0))] == ["connections busy"]
    totals.waited = 0
    totals.late.add(np.full(1000, 5_000_000))
    assert [d.kind for d in find_doubts(totals, Effort(10**9, 0, 0))] == ["client late"]


def test_load_without_an_answer_is_doubted():
    totals = Totals()
    totals.fail("reset")
    assert [d.kind for d in find_doubts(totals, Effort(10**9, 0, 0))] == ["all failed"]


@pytest.mark.parametrize("requests", [2_000_000, pytest.param(100_000_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_number_of_requests(requests):
    """A server with latencies of known distribution at 100,000 requests/s, on a simulated clock."""
    step, totals, noise = 50_000, Totals(), np.random.default_rng(1)
    peak_kib = 0
    for first in range(0, requests, step):
        intended = (first + np.arange(step)) * 10_000
        wait = noise.integers(1_000_000, 2_000_000, step)
        block = np.empty((step, len(Column)), np.int64)
        for column in Column:
            block[:, column] = intended
        block[:, Column.FIRST] += wait
        block[:, Column.END] += wait
        block[:, Column.STATUS] = 200
        block[:, Column.BYTES] = 12
        totals.add(block)
        if first == 10 * step:
            peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert totals.answers == requests
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 4096
    for share in (0.5, 0.99, 0.99999):
        assert totals.latency.quantile_ns(share) == pytest.approx(1e6 + share * 1e6, rel=0.002)
