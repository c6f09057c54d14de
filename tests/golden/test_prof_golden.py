"""Reports of stored profiles, byte by byte, where there is no pprof to ask.

The truth was written by the real pprof: `WHET_GOLDEN_UPDATE=1` asks it again. A report
that differs is left beside the truth as NAME.got.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from interop.generated import random_profile
from interop.pprof_oracle import run_pprof, run_whet
from whet.formats import pprof

STORE = Path(__file__).parent / "prof"
UPDATE = os.environ.get("WHET_GOLDEN_UPDATE", "0") not in ("", "0")
PROFILES = {"cpu": 67, "heap": 85, "odd": 251}
CASES = {
    "top": "-top",
    "top_cum_lines": "-top -cum -lines -nodecount=8",
    "top_unit": "-top -unit=us -trim=false",
    "tree": "-tree -nodecount=6",
    "peek": "-peek=a",
    "traces": "-traces -hide=main",
    "raw": "-raw -ignore=run",
    "comments": "-comments",
}


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("case", CASES)
def test_report_is_the_stored_one(utc, profile, case):
    source, truth = STORE / f"{profile}.pb.gz", STORE / f"{profile}.{case}.txt"
    if UPDATE:
        source.write_bytes(pprof.encode(random_profile(PROFILES[profile])))
        truth.write_bytes(
            run_pprof([*CASES[case].split(), str(source)])[1].encode("utf-8", "surrogateescape")
        )
    status, text, errors = run_whet([*CASES[case].split(), str(source)])
    assert status == 0, errors
    if text != truth.read_bytes().decode("utf-8", "surrogateescape"):
        truth.with_suffix(".got").write_text(text, errors="surrogateescape")
        pytest.fail(f"{truth.name} differs; compare it with {truth.with_suffix('.got').name}")
