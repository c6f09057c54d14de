"""Statistics of rounds, and timing calls with a clock that only counts."""

import math
import statistics

import pytest

from whet.analyze.bench.rounds import FIELDS, RoundStatistics, margin_of_error
from whet.collect.bench_calls import CallPlan, Rounds, Timed, calibrated, pedantic, run
from whet.collect.bench_clocks import FunctionClock
from whet.render.bench.table import best_unit, table_lines


def test_single_round_has_no_spread():
    found = RoundStatistics([2.0])
    assert (found.min, found.max, found.mean, found.median, found.q1, found.q3) == (2.0,) * 6
    assert (found.stddev, found.iqr, found.outliers, found.ops, found.rounds) == (0, 0, "0;0", 0.5, 1)


def test_quartiles_of_an_odd_number_are_between_both_ways_to_split():
    found = RoundStatistics([5, 1, 4, 2, 3])
    # Without the middle one 1.5 and 4.5, with it 2 and 4.
    assert (found.q1, found.median, found.q3, found.iqr) == (1.75, 3, 4.25, 2.5)
    even = RoundStatistics([1, 2, 3, 4])
    assert (even.q1, even.q3) == (1.5, 3.5)


def test_outliers_are_counted_and_left_out_of_the_whiskers():
    found = RoundStatistics([1, 2, 2, 2, 3, 50])
    assert (found.ld15iqr, found.hd15iqr) == (1, 3)
    assert found.outliers == "1;1"
    assert set(found.as_dict()) == set(FIELDS)


def test_times_of_nothing_have_no_rate():
    assert RoundStatistics([0.0, 0.0]).ops == 0


def test_margin_of_error_is_a_share_of_the_mean():
    data = [9.0, 11.0] * 50
    expected = 1.959964 * statistics.stdev(data) / 10 / 10
    assert margin_of_error(data, 0.95) == pytest.approx(expected, rel=1e-6)
    assert margin_of_error([1.0], 0.95) == math.inf
    assert margin_of_error([0.0, 0.0], 0.95) == math.inf


class Counting:
    """A timer in seconds that each call of the function under test sets forward."""

    def __init__(self, step_ms: float) -> None:
        self.calls = 0
        self.step_s = step_ms / 1000

    def __call__(self) -> float:
        return self.calls * self.step_s

    def work(self) -> int:
        self.calls += 1
        return self.calls


def test_calls_are_timed_in_slices_of_the_wanted_length():
    timer, found = Counting(0.5), Rounds()
    run(calibrated(Timed(timer.work), FunctionClock(timer), CallPlan(20_000_000, 3), found))
    assert {s[0] for s in found.slices} == {4}  # a single one took a quarter of 2 ms
    assert {s[1] for s in found.slices} == {2_000_000}
    assert len(found.slices) == 10
    assert timer.calls == 1 + 4 + 40


def test_slow_calls_get_the_least_number_of_rounds():
    timer, found = Counting(50), Rounds()
    run(calibrated(Timed(timer.work), FunctionClock(timer), CallPlan(1_000_000, 7), found))
    assert [s[:2] for s in found.slices] == [(1, 50_000_000)] * 7


def test_measuring_stops_as_soon_as_it_is_enough():
    timer, found = Counting(1), Rounds()
    plan = CallPlan(2_000_000_000, 2)
    run(calibrated(Timed(timer.work), FunctionClock(timer), plan, found, lambda slices: True))
    assert 2 <= len(found.slices) <= 51  # one look of twenty


def test_pedantic_rounds_keep_the_last_result_and_not_the_warm_up():
    timer, found, ended = Counting(1), Rounds(), []
    run(
        pedantic(
            timer.work, lambda: ((), {}), lambda: ended.append(timer.calls), FunctionClock(timer), found,
            rounds=3, warmup_rounds=2, iterations=1,
        )
    )  # fmt: skip
    assert [s[:2] for s in found.slices] == [(1, 1_000_000)] * 3
    assert (found.result, ended) == (5, [1, 2, 3, 4, 5])


def test_error_of_the_function_ends_measuring():
    def fails() -> None:
        raise StopIteration

    with pytest.raises(StopIteration):
        run(calibrated(Timed(fails), FunctionClock(Counting(1)), CallPlan(1, 1), Rounds()))


def test_table_aligns_numbers_and_shows_ratios_to_the_best():
    rows = [{"median": 0.002, "rounds": 5, "ops": 500.0}, {"median": 0.001, "rounds": 10, "ops": 1000.0}]
    lines = list(table_lines("g", ["slow", "quick"], rows, ["median", "rounds", "ops"], best_unit(0.001)))
    assert lines[0].strip("-") == " benchmark 'g': 2 tests "
    assert [line.split() for line in lines[1:2] + lines[3:5]] == [
        ["Name", "(time", "in", "ms)", "Median", "Rounds", "OPS", "(Kops/s)"],
        ["slow", "2.0000", "(2.00)", "5", "0.5000", "(0.50)"],
        ["quick", "1.0000", "(1.00)", "10", "1.0000", "(1.00)"],
    ]
    assert len({len(line) for line in lines}) == 1
    assert best_unit(0) == "ns"
    assert best_unit(3) == "s"
