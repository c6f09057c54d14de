"""The sequential test: its errors over many looks, its power, and its interval."""

import math
import random

import pytest

from whet.analyze.bench.sequential import decide, log_e_value, median_interval

LOOKS = 200
RUNS = 400


def verdict_at_the_end(order, centre, spread, margin=0.02):
    ratios = []
    for _ in range(LOOKS):
        ratios.append(order.gauss(centre, spread))
        decision = decide(ratios, margin)
        if decision.verdict != "cannot tell":
            return decision
    return decision


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1])
def test_identical_code_is_called_different_in_at_most_five_percent(spread):
    order = random.Random(1)
    wrong = sum(verdict_at_the_end(order, 0, spread, 1e-9).verdict == "different" for _ in range(RUNS))
    assert wrong / RUNS <= 0.05


@pytest.mark.parametrize("spread", [0.005, 0.01, 0.02])
def test_two_percent_are_found(spread):
    order = random.Random(2)
    found = [verdict_at_the_end(order, math.log(1.02), spread, 0.005) for _ in range(RUNS)]
    assert sum(d.verdict == "different" and d.ratio > 1 for d in found) / RUNS >= 0.95


def test_difference_beyond_the_margin_is_called_same_in_at_most_five_percent():
    order = random.Random(3)
    wrong = sum(verdict_at_the_end(order, math.log(1.021), 0.02).verdict == "same" for _ in range(RUNS))
    assert wrong / RUNS <= 0.05


def test_interval_holds_the_truth_at_every_look():
    order = random.Random(4)
    missed = 0
    for _ in range(RUNS):
        values = []
        for _ in range(LOOKS):
            values.append(order.expovariate(1))
            low, high = median_interval(values)
            if not low <= math.log(2) <= high:
                missed += 1
                break
    assert missed / RUNS <= 0.05


@pytest.mark.parametrize("centre", [0, math.log(1.02)])
def test_disturbed_pairs_neither_add_errors_nor_hide_what_quiet_ones_show(centre):
    order = random.Random(6)
    found = 0
    for _ in range(RUNS):
        ratios, quiet = [], []
        for _ in range(100):
            quiet.append(order.random() < 0.4)
            ratios.append(order.gauss(centre, 0.01 if quiet[-1] else 0.5))
            if decide(ratios, 1e-9, quiet=quiet).verdict == "different":
                found += 1
                break
    assert (found / RUNS >= 0.95) if centre else (found / RUNS <= 0.05)


def test_interval_is_that_of_the_signs():
    order = random.Random(7)
    for n in (1, 2, 8, 9, 30, 31):
        values = [order.gauss(0, 1) for _ in range(n)]
        kept = [k for k in range(n + 1) if math.exp(log_e_value(n - k, k)) < 20]
        edges = [-math.inf, *sorted(values), math.inf]
        assert median_interval(values) == (edges[kept[0]], edges[kept[-1] + 1])


def test_first_pairs_decide_nothing():
    assert decide([0.5] * 3, 0.02).verdict == "cannot tell"
    assert decide([0.5] * 3, 0.02).high == math.inf


def test_e_values_of_all_outcomes_average_to_one():
    n = 30
    mean = sum(math.comb(n, k) / 2**n * math.exp(log_e_value(k, n - k)) for k in range(n + 1))
    assert mean == pytest.approx(1)


def test_pairs_needed_goes_with_the_square_of_the_width():
    order = random.Random(5)
    ratios = [order.gauss(0, 0.2) for _ in range(40)]
    decision = decide(ratios, 0.02)
    assert decision.verdict == "cannot tell"
    assert decision.pairs_needed > 10 * 40
