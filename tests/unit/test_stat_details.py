"""Intervals, corrections, doubts and power, on values drawn from known distributions."""

import math

import numpy as np
import pytest

from whet.analyze.stat.correction import Correction, corrected
from whet.analyze.stat.doubts import find_doubts
from whet.analyze.stat.measurements import Measurements
from whet.analyze.stat.power import POWER, detectable_changes
from whet.analyze.stat.ratio import ratio_intervals
from whet.analyze.stat.utest import u_tests

PAIRS = 2000


def drawn(draw, size, sets):
    return Measurements.from_cells(np.repeat(np.arange(sets), size), draw(size * sets), sets)


def paired(size_old, size_new, factor, sigma, seed=1):
    """Return PAIRS pairs of sets of lognormal values; the second ones are larger by a factor."""
    rng = np.random.default_rng(seed)
    sizes = np.tile([size_old, size_new], PAIRS)
    factors = np.repeat(np.tile([1.0, factor], PAIRS), sizes)
    values = factors * rng.lognormal(0, sigma, sizes.sum())
    measurements = Measurements.from_cells(np.repeat(np.arange(2 * PAIRS), sizes), values, 2 * PAIRS)
    return measurements, np.arange(0, 2 * PAIRS, 2), np.arange(1, 2 * PAIRS, 2)


@pytest.mark.parametrize(("old", "new", "confidence"), [(10, 10, 0.95), (6, 12, 0.9), (60, 55, 0.95)])
def test_intervals_of_ratios_hold_the_truth_as_often_as_they_say(old, new, confidence):
    measurements, olds, news = paired(old, new, 1.3, 0.2)
    ratio, low, high = ratio_intervals(measurements, olds, news, confidence).T
    held = ((low <= 1.3) & (high >= 1.3)).mean()
    assert confidence - 0.015 <= held <= confidence + 0.04
    assert np.median(ratio) == pytest.approx(1.3, rel=0.01)


def test_an_interval_leaves_out_no_change_where_the_test_finds_one():
    measurements, olds, news = paired(8, 9, 1.1, 0.1)
    _, low, high = ratio_intervals(measurements, olds, news, 0.95).T
    p = u_tests(measurements, olds, news)
    assert (((low > 1) | (high < 1)) == (p <= 0.05)).all()


def test_few_values_have_no_bounds_and_those_that_are_not_positive_no_ratio():
    measurements = Measurements.from_cells(np.array([0, 1, 2]), np.array([2.0, 3.0, 0.0]), 3)
    first, second = ratio_intervals(measurements, np.array([0, 0]), np.array([1, 2]), 0.95).tolist()
    assert first == [1.5, 0.0, math.inf]
    assert all(map(math.isnan, second))


@pytest.mark.parametrize("size", [5, 10, 20])
def test_the_smallest_change_that_could_be_seen_is_found_as_often_as_said(size):
    measurements, olds, news = paired(size, size, 1.0, 0.02)
    change = float(np.median(detectable_changes(measurements, olds, news, 0.05)))
    measurements, olds, news = paired(size, size, 1 + change, 0.02, seed=2)
    found = (u_tests(measurements, olds, news) <= 0.05).mean()
    assert found == pytest.approx(POWER, abs=0.08)


def test_nothing_can_be_seen_where_complete_separation_would_not_be_significant():
    measurements, olds, news = paired(3, 3, 1.0, 0.02)
    assert np.isinf(detectable_changes(measurements, olds, news, 0.05)).all()


def test_corrections_of_a_known_family():
    p = np.array([0.01, 0.04, 0.03, math.nan, 0.005])
    assert corrected(p, Correction.HOLM)[[0, 1, 2, 4]].tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    found = corrected(p, Correction.FALSE_DISCOVERIES)
    assert found[[0, 1, 2, 4]].tolist() == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert math.isnan(found[3])
    assert corrected(p, Correction.NONE)[:3].tolist() == [0.01, 0.04, 0.03]


DISTRIBUTIONS = {
    "normal": lambda rng: lambda n: rng.normal(100, 3, n),
    "lognormal": lambda rng: lambda n: rng.lognormal(0, 0.3, n),
    "uniform": lambda rng: lambda n: rng.uniform(90, 110, n),
    "exponential": lambda rng: lambda n: 100 + rng.exponential(5, n),
    "rounded": lambda rng: lambda n: np.round(rng.normal(100, 0.4, n)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("size", [12, 20, 40])
def test_doubts_are_rare_where_there_is_nothing_to_doubt(name, size):
    measurements = drawn(DISTRIBUTIONS[name](np.random.default_rng(7)), size, PAIRS)
    found = find_doubts(measurements)
    assert len(found.modes) <= 0.012 * PAIRS
    assert len(found.drift) <= 0.004 * PAIRS
    assert 0.9 * PAIRS < found.tested <= PAIRS  # those that vary at all
    assert not found.exceeds_chance


def test_two_modes_are_found_and_named():
    rng = np.random.default_rng(1)
    values = np.where(np.arange(200) % 4 == 0, 130.0, 100.0) * rng.lognormal(0, 0.01, 200)
    modes = find_doubts(Measurements.from_cells(np.zeros(200, np.int64), values, 1)).modes
    assert modes[0] == pytest.approx((100, 130, 0.25), rel=0.01)


def test_a_drift_is_found_and_measured():
    rng = np.random.default_rng(1)
    values = np.linspace(100, 110, 30) * rng.lognormal(0, 0.005, 30)
    drift = find_doubts(Measurements.from_cells(np.zeros(30, np.int64), values, 1)).drift
    assert drift[0] == pytest.approx(0.065, abs=0.01)
