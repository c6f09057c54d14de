"""False discovery rates: the definition, and what Tarone's rule sets aside."""

import numpy as np
import pytest

from whet.analyze.profile.discoveries import adjusted, can_be_discovered


def by_definition(p_values, rate):
    """Return which tests the step-up procedure rejects, straight from the paper."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    passed = [k for k, i in enumerate(order, 1) if p_values[i] <= rate * k / len(p_values)]
    return set(order[: max(passed, default=0)])


@pytest.mark.parametrize("seed", range(20))
def test_adjusted_values_reject_what_the_procedure_rejects(seed):
    p_values = np.random.default_rng(seed).beta(0.4, 2, 40)
    for rate in (0.01, 0.05, 0.2):
        assert set(np.flatnonzero(adjusted(p_values) <= rate)) == by_definition(p_values.tolist(), rate)


def test_published_example():
    # Benjamini and Hochberg 1995, table 1: at 5 % the first four of fifteen are rejected.
    small = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p = [*small, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert (adjusted(np.array(p)) <= 0.05).sum() == 4


def test_no_tests_need_no_adjustment():
    assert len(adjusted(np.zeros(0))) == 0
    assert len(can_be_discovered(np.zeros(0), 0.05)) == 0


def test_tests_that_can_never_be_significant_do_not_count():
    smallest = np.array([1e-9, 1e-8, 1.0, 0.5, 0.04])
    assert can_be_discovered(smallest, 0.05).tolist() == [True, True, False, False, False]
    assert can_be_discovered(np.full(3, 1e-9), 0.05).all()
