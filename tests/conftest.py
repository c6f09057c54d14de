"""Settings of all tests."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("process.harness")

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
