"""`whet stat` and the real benchstat say the same, byte by byte.

WHET_STAT_CASES=N asks for N random cases of each kind; `python -m interop.stat_differential` in tests/
runs any number of them.
"""

from __future__ import annotations

import os

import pytest

from interop.generated_results import random_case
from interop.stat_differential import explain

CASES = int(os.environ.get("WHET_STAT_CASES", "60"))


@pytest.mark.timeout(3600)
def test_compat_output_is_benchstats(tmp_path):
    for seed in range(CASES):
        arguments = random_case(seed, tmp_path)
        assert explain(arguments, tmp_path) == "", (seed, arguments)


@pytest.mark.timeout(3600)
def test_default_output_is_benchstats_where_benchstat_is_right(tmp_path):
    for seed in range(CASES):
        arguments = random_case(seed, tmp_path, plain=True)
        assert explain(arguments, tmp_path, compat=False) == "", (seed, arguments)
