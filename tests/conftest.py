"""Settings of all tests."""

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("process.harness")

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
