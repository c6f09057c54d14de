"""A few random cases of reports and options, byte by byte; the module itself runs thousands."""

from __future__ import annotations

import os

import pytest

from interop.differential import explain, pprof_command, random_call

CASES = int(os.environ.get("WHET_DIFFERENTIAL_CASES", "40"))
SEED = int(os.environ.get("WHET_DIFFERENTIAL_SEED", "1"))


@pytest.mark.parametrize("case", range(CASES))
def test_random_options_do_what_pprof_does(tmp_path, case):
    pprof_command()
    seed = SEED * 1_000_003 + case
    arguments = random_call(seed, tmp_path)
    assert explain(arguments, tmp_path) == "", (seed, arguments)
