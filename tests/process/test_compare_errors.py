"""Intervals and comparisons on a recorded program: how often they are wrong.

One recording gives a real distribution of stacks, which runs are drawn from; many recordings of the same
program are replicates that differ as runs do. Seeds are fixed, the recordings are not.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from draws import PERIOD_NS, as_run, drawn
from process.harness import needs_collector, run, whet_run
from whet.analyze.profile.changes import Verdict
from whet.analyze.profile.compare import compare
from whet.driver.sources import load_profiles

pytestmark = needs_collector

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "programs" / "stdlib_mix.py"
REPLICATES = 20
SLOW_RATE_REPLICATES = 6


def record(folder, name, rate_hz, rounds):
    target = folder / name
    done = run(whet_run([str(PROGRAM), str(rounds)], target, f"--rate={rate_hz}"), cwd=folder)
    assert done.status == 0, done.err
    return str(target)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a recorded profile and the shares of its stacks."""
    profile = load_profiles([record(tmp_path_factory.mktemp("one"), "r", 1000, 30)])
    counts = profile.samples.values[:, 0]
    return profile, counts / counts.sum()


@pytest.fixture(scope="module")
def replicates(tmp_path_factory):
    """Return runs of the same program at 1 kHz and at 100 Hz, recorded in turns."""
    folder, fast, slow = tmp_path_factory.mktemp("replicates"), [], []
    for i in range(REPLICATES):
        fast.append(record(folder, f"fast{i}", 1000, 60))
        if i < SLOW_RATE_REPLICATES:
            slow.append(record(folder, f"slow{i}", 100, 60))
    return [[as_run(load_profiles([name]), name) for name in names] for names in (fast, slow)]


def weighted(profile, share, samples, cv2, rng):
    """Draw samples of unequal weights and add up those of the same stack, as the collector does."""
    stack = rng.choice(len(share), samples, p=share)
    weight = rng.gamma(1 / cv2, cv2, samples) * PERIOD_NS if cv2 else np.full(samples, PERIOD_NS)
    counts = np.bincount(stack, minlength=len(share))
    sums = np.bincount(stack, weight, minlength=len(share))
    values = np.stack([counts, sums], axis=1).astype(np.int64)
    texts = [*profile.strings.texts(), f"whet: interval_cv2={cv2:.4f}"]
    return replace(
        profile,
        samples=replace(profile.samples, values=values),
        strings=type(profile.strings).from_texts(texts),
        comments=[len(texts) - 1],
    )


@pytest.mark.parametrize("cv2", [0.0, 0.25, 1.0])
def test_intervals_of_shares_cover_the_truth_in_93_to_97_percent(recorded, cv2):
    profile, share = recorded
    rng, samples = np.random.default_rng(21), 4000
    truth = as_run(replace(drawn(profile, share, 1, rng), samples=replace(
        profile.samples, values=np.stack([share * 1e9, share * 1e12], axis=1).astype(np.int64))))  # fmt: skip
    covered = {"flat": [], "cum": []}
    for _ in range(200):
        found = as_run(weighted(profile, share, samples, cv2, rng))
        row = {name: i for i, name in enumerate(found.names)}
        for column, hits in covered.items():
            values = getattr(found, column)
            for name, true in zip(truth.names, getattr(truth, column), strict=True):
                # Where fewer than ten samples are expected there is no normal distribution to cover.
                if 10 / samples < true < 1 - 10 / samples:
                    value = values[row[name]] if name in row else 0.0
                    interval = found.intervals.share(round(value * found.total))
                    hits.append(interval.low <= true <= interval.high)
    for column, hits in covered.items():
        assert 0.93 <= np.mean(hits) <= 0.97, (column, np.mean(hits), len(hits))


def any_changed(comparisons):
    return np.mean([comparison.tally().changed > 0 for comparison in comparisons])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("old", "new"), [(1_000, 1_000), (10_000, 10_000), (1_000, 10_000)])
def test_drawn_same_against_same_reports_a_change_in_5_percent_at_most(recorded, old, new):
    profile, share = recorded
    rng = np.random.default_rng(22)
    assert any_changed(
        compare([as_run(drawn(profile, share, old, rng))], [as_run(drawn(profile, share, new, rng))])
        for _ in range(1000)
    ) <= 0.05  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", [1, 3, 10])
def test_replicates_of_one_program_report_a_change_in_5_percent_at_most(replicates, side):
    fast, _ = replicates
    rng = np.random.default_rng(23)
    orders = [rng.permutation(len(fast))[: 2 * side] for _ in range(1000)]
    changed = any_changed(
        compare([fast[i] for i in order[:side]], [fast[i] for i in order[side:]]) for order in orders
    )
    # Of single runs there are only as many pairs as one odd run can spoil.
    assert changed <= (0.10 if side == 1 else 0.05)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_rate_is_no_change(replicates):
    fast, slow = replicates
    assert compare(slow, fast).tally().changed == 0
    assert any_changed(compare([a], [b]) for a in slow for b in fast) <= 0.05


# What the tokenizer spends its time in; from 3.12 on it is compiled, behind a generator.
TOKENIZER = (
    "tokenize._tokenize" if sys.version_info < (3, 12) else "tokenize._generate_tokens_from_c_tokenizer"
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("function", ["ast.parse", TOKENIZER])
def test_shift_of_four_points_in_a_recorded_program_is_found(recorded, function):
    profile, share = recorded
    names = [profile.strings.text(int(i)) for i in profile.functions.name]
    leaf = profile.samples.stack[profile.samples.stack_start[:-1]]
    locations = profile.locations
    here = np.array([names[f] == function for f in locations.line_function[locations.line_start[leaf]]])
    before = share[here].sum()
    moved = share * np.where(here, (before + 0.04) / before, (1 - before - 0.04) / (1 - before))
    rng = np.random.default_rng(24)
    found = []
    for _ in range(300):
        old, new = (as_run(drawn(profile, s, 10_000, rng)) for s in (share, moved))
        comparison = compare([old], [new])
        found.append(comparison.flat.verdict[comparison.table.names.index(function)] == Verdict.CHANGED)
    assert np.mean(found) >= 0.95
