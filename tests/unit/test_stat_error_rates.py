"""Simulations: false alarms are as rare as the level says, alone and in families of comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest

from whet.analyze.stat.correction import Correction, corrected
from whet.analyze.stat.measurements import Measurements
from whet.analyze.stat.ratio import ratio_intervals
from whet.analyze.stat.utest import Mode, u_tests

PAIRS = 4000


def pairs_of(rows_old, rows_new):
    """Return pairs of sets, one for each row of both arrays."""
    sizes = np.tile([rows_old.shape[1], rows_new.shape[1]], len(rows_old))
    values = np.concatenate([rows_old, rows_new], axis=1).reshape(-1)
    sets = Measurements.from_cells(np.repeat(np.arange(len(sizes)), sizes), values, len(sizes))
    return sets, np.arange(0, len(sizes), 2), np.arange(1, len(sizes), 2)


def false_alarms(draw, n1, n2, alpha, mode=Mode.EXACT):
    """Return the share of pairs of one distribution that differ at a level; equal ones never do."""
    sets, old, new = pairs_of(draw((PAIRS, n1)), draw((PAIRS, n2)))
    return float((np.nan_to_num(u_tests(sets, old, new, mode), nan=1.0) <= alpha).mean())


def at_most(alpha):
    """Return what a share of PAIRS exceeds once in a thousand times, if its chance is alpha."""
    return alpha + 3.1 * math.sqrt(alpha * (1 - alpha) / PAIRS)


TIED = {
    "allocations": lambda rng: lambda shape: rng.poisson(2, shape).astype(np.float64),
    "two values": lambda rng: lambda shape: (rng.random(shape) < 0.3).astype(np.float64),
    "rounded times": lambda rng: lambda shape: np.round(rng.lognormal(3, 0.1, shape)),
    "mostly zero": lambda rng: lambda shape: np.maximum(0.0, np.round(rng.normal(-1, 1, shape))),
    "untied": lambda rng: lambda shape: rng.lognormal(0, 1, shape),
}


@pytest.mark.parametrize("name", TIED)
@pytest.mark.parametrize(("n1", "n2"), [(4, 5), (5, 4), (3, 12), (10, 10), (20, 8), (30, 45)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_false_alarms_are_no_more_frequent_than_the_level(name, n1, n2, alpha):
    draw = TIED[name](np.random.default_rng(n1 * 100 + n2))
    assert false_alarms(draw, n1, n2, alpha) <= at_most(alpha)


def test_benchstats_p_under_ties_raises_more_false_alarms_than_its_level():
    def share(mode):
        return false_alarms(TIED["mostly zero"](np.random.default_rng(1)), 8, 20, 0.01, mode)

    assert share(Mode.BENCHSTAT) > at_most(0.01)
    assert share(Mode.EXACT) <= 0.01


def test_the_exact_test_is_not_needlessly_strict():
    draw = TIED["rounded times"](np.random.default_rng(1))
    assert false_alarms(draw, 10, 10, 0.05) >= 0.035


def family(rng, tests, changed, size=10):
    """Return p-values of comparisons of which the first `changed` are of sides that differ."""
    factor = np.where(np.arange(tests) < changed, 1.05, 1.0)[:, None]
    old = np.round(rng.lognormal(5, 0.03, (tests, size)), 1)
    new = np.round(rng.lognormal(5, 0.03, (tests, size)) * factor, 1)
    return u_tests(*pairs_of(old, new))


@pytest.mark.parametrize(("tests", "changed"), [(40, 0), (40, 10), (40, 30)])
def test_corrections_control_what_they_promise_and_find_changes(tests, changed):
    rng, families = np.random.default_rng(tests + changed), 400
    any_false, false_share, found = [], [], {Correction.HOLM: 0, Correction.FALSE_DISCOVERIES: 0}
    for _ in range(families):
        p = family(rng, tests, changed)
        holm = corrected(p, Correction.HOLM) <= 0.05
        several = corrected(p, Correction.FALSE_DISCOVERIES) <= 0.05
        any_false.append(holm[changed:].any())
        false_share.append(several[changed:].sum() / max(1, several.sum()))
        found[Correction.HOLM] += int(holm[:changed].sum())
        found[Correction.FALSE_DISCOVERIES] += int(several[:changed].sum())
    allowed = 0.05 + 3.1 * math.sqrt(0.05 * 0.95 / families)
    assert np.mean(any_false) <= allowed
    assert np.mean(false_share) <= allowed
    if changed:
        assert found[Correction.FALSE_DISCOVERIES] > found[Correction.HOLM] > 0.2 * changed * families


def test_without_a_correction_most_families_have_a_false_alarm():
    rng = np.random.default_rng(3)
    assert np.mean([(family(rng, 40, 0) <= 0.05).any() for _ in range(200)]) > 0.7


@pytest.mark.parametrize("size", [8, 15])
def test_intervals_of_ratios_hold_the_truth_for_rounded_values_too(size):
    rng = np.random.default_rng(size)
    old = np.round(rng.lognormal(3, 0.1, (PAIRS, size)))
    new = np.round(rng.lognormal(3, 0.1, (PAIRS, size)) * 1.5)
    _, low, high = ratio_intervals(*pairs_of(old, new), 0.95).T
    assert 0.94 <= ((low <= 1.5) & (high >= 1.5)).mean() <= 0.99


@pytest.mark.parametrize("size", [6, 10, 20])
def test_intervals_end_at_no_change_at_most_where_the_test_finds_one_among_tied_values(size):
    rng = np.random.default_rng(size)
    old = np.round(rng.lognormal(3, 0.05, (PAIRS, size)))
    pairs = pairs_of(old, np.round(rng.lognormal(3, 0.05, (PAIRS, size)) * 1.05))
    _, low, high = ratio_intervals(*pairs, 0.95).T
    found = np.nan_to_num(u_tests(*pairs), nan=1.0) <= 0.05
    assert found.mean() > 0.2
    assert (found & (low < 1) & (high > 1)).mean() <= 0.005
    assert not (~found & ((low > 1) | (high < 1))).any()
