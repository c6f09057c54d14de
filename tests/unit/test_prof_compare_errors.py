"""How often verdicts are wrong, on drawn profiles: few false changes, intervals that cover, shifts found.

Seeds are fixed. The long versions, with recorded programs, are in tests/process/test_compare_errors.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from draws import as_run, drawn, stack_profile
from whet.analyze.profile.changes import Verdict
from whet.analyze.profile.compare import compare

LEAVES = 40
STACKS = [("main", "hot")] + [("main", f"group{i % 6}", f"leaf{i}") for i in range(LEAVES)]
PROFILE = stack_profile(STACKS, np.ones((LEAVES + 1, 2)))


def shares(hot, seed=0):
    rest = np.random.default_rng(seed).dirichlet(np.full(LEAVES, 0.5))
    return np.concatenate([[hot], (1 - hot) * rest])


def draw(share, samples, rng, count=1):
    return [as_run(drawn(PROFILE, share, samples, rng)) for _ in range(count)]


@pytest.mark.parametrize(
    ("old", "new", "runs"), [(1_000, 1_000, 1), (500, 5_000, 1), (10_000, 10_000, 1), (1_000, 3_000, 3)]
)
def test_same_against_same_is_called_changed_in_5_percent_at_most(old, new, runs):
    rng, share = np.random.default_rng(11), shares(0.2)
    changed = [
        compare(draw(share, old, rng, runs), draw(share, new, rng, runs)).tally().changed > 0
        for _ in range(80)
    ]
    assert np.mean(changed) <= 0.05


@pytest.mark.parametrize("hot", [0.02, 0.2, 0.46])
def test_shift_of_four_points_is_found_in_95_percent_at_least(hot):
    rng = np.random.default_rng(12)
    found = []
    for seed in range(60):
        old, new = shares(hot, seed), shares(hot + 0.04, seed)
        comparison = compare(draw(old, 10_000, rng), draw(new, 10_000, rng))
        found.append(comparison.flat.verdict[comparison.table.names.index("hot")] == Verdict.CHANGED)
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize("runs", [1, 4])
def test_intervals_of_changes_cover_the_truth_in_about_95_percent(runs):
    rng = np.random.default_rng(13)
    old, new = shares(0.2), shares(0.27)
    truth = dict(zip([s[-1] for s in STACKS], new - old, strict=True))
    covered, of = 0, 0
    for _ in range(80):
        comparison = compare(draw(old, 3_000, rng, runs), draw(new, 3_000, rng, runs))
        for name, low, high in zip(
            comparison.table.names, comparison.flat.low, comparison.flat.high, strict=True
        ):
            if name in truth and old[[s[-1] for s in STACKS].index(name)] > 0.003:
                covered += low <= truth[name] <= high
                of += 1
    # The assumed spread of single runs, and never taking less than sampling's variance, widen them.
    assert 0.94 <= covered / of <= 0.985


def test_equivalence_is_claimed_wrongly_in_5_percent_at_most():
    rng = np.random.default_rng(14)
    old, new = shares(0.2), shares(0.21)  # exactly at the margin
    wrong = 0
    for _ in range(120):
        comparison = compare(draw(old, 50_000, rng), draw(new, 50_000, rng))
        wrong += comparison.flat.verdict[comparison.table.names.index("hot")] == Verdict.UNCHANGED
    assert wrong / 120 <= 0.09  # 5 % and two standard errors
