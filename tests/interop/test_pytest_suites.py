"""Suites written for pytest-benchmark have the same outcomes under whet's plugin."""

import pytest

from interop.pytest_suites import DIFFERENT, SUITES, Unavailable, outcomes
from process.harness import needs_collector

pytestmark = [needs_collector, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("name", [name for name, suite in SUITES.items() if not suite.takes_minutes])
def test_outcomes_of_every_test_are_those_under_pytest_benchmark(name):
    try:
        theirs, ours = outcomes(name, ours=False), outcomes(name, ours=True)
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert len(theirs) > 10
    different = {test for test in {*theirs, *ours} if theirs.get(test) != ours.get(test)}
    assert different == set(DIFFERENT.get(name, {}))
