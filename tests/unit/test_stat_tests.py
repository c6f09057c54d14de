from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arrangements import enumerated_p
from whet.analyze.stat.geomean import geometric_mean
from whet.analyze.stat.measurements import Measurements, median_ranks, summarize
from whet.analyze.stat.utest import u_tests

SIDE = st.lists(st.integers(0, 4), min_size=1, max_size=6)


def measured(*sets):
    cells = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    return Measurements.from_cells(cells, np.array([v for s in sets for v in s], np.float64), len(sets))


def p_of(first, second):
    return float(u_tests(measured(first, second), np.array([0]), np.array([1]))[0])


@settings(max_examples=150)
@given(SIDE, SIDE)
def test_p_is_that_of_all_arrangements(first, second):
    p = p_of(first, second)
    if len({*first, *second}) == 1:
        assert np.isnan(p)
    else:
        assert p == pytest.approx(enumerated_p(first, second), abs=1e-12)


@given(SIDE, SIDE)
def test_p_does_not_depend_on_which_side_comes_first(first, second):
    assert p_of(first, second) == pytest.approx(p_of(second, first), nan_ok=True, abs=1e-12)


def test_many_pairs_at_once_are_each_their_own():
    sides = [[1, 2, 3], [4, 5, 6], [1, 1, 2, 3], [2, 2, 9, 9], [7], [3, 1, 2]]
    old, new = np.array([0, 0, 2, 4, 0]), np.array([1, 2, 3, 0, 5])
    together = u_tests(measured(*sides), old, new)
    alone = [p_of(sides[a], sides[b]) for a, b in zip(old, new, strict=True)]
    assert together.tolist() == alone


def test_large_sides_agree_with_the_exact_distribution_nearly():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=50), rng.normal(0.4, size=50)
    exact = p_of(first, second)
    assert p_of([*first, 99.0], [*second, 100.0]) == pytest.approx(exact, rel=0.25)


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 20, 21, 30, 31, 100, 999])
@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.9, 0.95, 0.99, 1.0])
def test_median_ranks_hold_the_confidence(size, confidence):
    low, high = median_ranks(size, confidence)
    assert 0 <= low <= high <= size + 1
    if size <= 30 and low > 0 and high <= size:
        assert sum(comb(size, k) for k in range(low, high)) / 2**size >= confidence - 1e-9


def test_exact_sets_are_summarized_by_mode_and_range():
    summary = summarize(measured([3, 1, 3, 2], [5, 5]), np.array([True, True]), 0.95)
    assert summary.center.tolist() == [3, 5]
    assert summary.low.tolist() == [1, 5]
    assert summary.high.tolist() == [3, 5]
    assert summary.varies.tolist() == [True, False]


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=30))
def test_geometric_mean_is_that_of_logarithms(values):
    expected = np.exp(np.mean(np.log(values)))
    assert geometric_mean(np.array(values)) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("values", [[], [0.0, 1.0], [-1.0]])
def test_geometric_mean_of_what_is_not_positive_is_nothing(values):
    assert np.isnan(geometric_mean(np.array(values)))
