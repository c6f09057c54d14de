"""From slices to a value and its certificate."""

import math
import random
import statistics

import pytest

from whet.analyze.bench.estimate import ProcessValue, estimate, full_speed, process_value, slow_from

LOOP = [(1000, 10_000, 0, 0, 0)] * 4


def slices(*per_op, n=100, delay=0, reference=0):
    return [(n, round(ns * n), delay, 0, reference) for ns in per_op]


def test_lower_quartile_less_the_loop():
    value = process_value(slices(30, 20, 40, 25, 35), LOOP)
    assert (value.ns_per_op, value.loop_ns) == (15, 10)
    assert (value.slices, value.disturbed, value.iterations) == (5, 0, 500)


def test_disturbed_slices_are_left_out_as_long_as_others_remain():
    value = process_value(slices(20, 20, 20) + slices(5, 5, delay=7), [])
    assert (value.ns_per_op, value.disturbed, value.filtered) == (20, 2, True)
    alone = process_value(slices(20, delay=7) * 5, [])
    assert (alone.ns_per_op, alone.disturbed, alone.filtered) == (20, 5, False)


def test_delay_that_the_kernel_does_not_tell_disturbs_nothing():
    value = process_value(slices(20, 21, 22, delay=-1), [])
    assert (value.disturbed, value.filtered) == (0, True)


def test_slices_of_a_slow_machine_are_left_out():
    seen = slices(20, 20, 20, reference=1000) + slices(15, 15, 15, reference=1200)
    value = process_value(seen, [])
    assert (value.ns_per_op, value.disturbed, value.filtered) == (20, 3, True)
    assert value.speed == pytest.approx(1000 / 1100)
    slow = process_value(seen, [], full_speed_ns=500)
    assert (slow.ns_per_op, slow.disturbed, slow.filtered) == (15, 6, False)


def test_processes_on_a_slow_machine_count_only_among_themselves():
    fast, slow = slices(20, 20, 20, reference=1000), slices(40, 40, 40, reference=2000)
    found = estimate([process_value(each, [], 1000) for each in (slow, fast, slow)])
    assert (found.ns_per_op, found.certificate.unfiltered) == (20, 2)
    assert found.certificate.speed == 0.5
    assert estimate([process_value(slow, [], 1000)]).ns_per_op == 40


def test_what_is_rarely_expensive_is_told():
    value = process_value(slices(*[20] * 9, 120), [])
    assert (value.ns_per_op, value.excess) == (20, 0.5)
    assert estimate([value]).certificate.excess == 0.5


def test_full_speed_is_nearly_the_fastest_reference():
    assert full_speed(slices(*range(1, 101), reference=7)) == 7
    assert full_speed([*slices(1, reference=5), *slices(*[1] * 99, reference=7)]) == 7
    assert full_speed(slices(1, 2, 3)) == 0
    assert slow_from(0) == 0


def test_value_is_never_negative():
    assert process_value(slices(5, 5, 5), LOOP).ns_per_op == 0


def test_drift_is_second_half_against_first():
    assert process_value(slices(10, 10, 20, 20), []).drift == 2


def test_one_process_says_nothing_of_spread():
    found = estimate([process_value(slices(20, 20, 20), [])])
    assert found.ns_per_op == 20
    assert math.isnan(found.certificate.spread)
    assert math.isnan(found.certificate.smallest_effect)


@pytest.mark.parametrize("processes", [5, 20])
def test_smallest_effect_is_found_in_four_fifths_of_cases(processes):
    order = random.Random(1)

    def measured(centre):
        values = [order.gauss(centre, centre / 100) for _ in range(processes)]
        return [ProcessValue(v, 0, 1, 1, 0, True, 1) for v in values]

    effects = [estimate(measured(100)).certificate.smallest_effect for _ in range(300)]
    effect = statistics.median(effects)
    # Medians of two sets, told apart at 5 % by the spread that is known here.
    error = math.sqrt(math.pi / 2) / 100 * math.sqrt(2 / processes)
    hits = 0
    for _ in range(1000):
        a, b = (statistics.median(v.ns_per_op for v in measured(c)) for c in (100, 100 * (1 + effect)))
        hits += abs(b - a) / 100 > 1.96 * error
    assert 0.7 < hits / 1000 < 0.9
