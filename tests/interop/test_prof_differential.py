"""A few random cases of reports and options, byte by byte; the module itself runs thousands."""

from __future__ import annotations

import os

import pytest

from interop.differential import explain, pprof_command, random_call
from interop.real_profiles import go_profiles

CASES = int(os.environ.get("WHET_DIFFERENTIAL_CASES", "40"))
SEED = int(os.environ.get("WHET_DIFFERENTIAL_SEED", "1"))


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    return go_profiles(tmp_path_factory.mktemp("go"))


@pytest.mark.parametrize("case", range(CASES))
def test_random_options_do_what_pprof_does(tmp_path, real, case):
    pprof_command()
    seed = SEED * 1_000_003 + case
    arguments = random_call(seed, tmp_path, real)
    assert explain(arguments, tmp_path).problem == "", (seed, arguments)
