"""Tables of stored results, byte by byte, where there is no benchstat to ask.

The truth was written by the real benchstat: `WHET_GOLDEN_UPDATE=1` asks it again. A table that
differs is left beside the truth as NAME.got.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interop.benchstat_oracle import run_benchstat, run_whet_stat
from interop.generated_results import random_case

STORE = Path(__file__).parent / "stat"
UPDATE = os.environ.get("WHET_GOLDEN_UPDATE", "0") not in ("", "0")
SEED = 202
CASES = {
    "default": "",
    "csv": "-format csv",
    "columns": "-col .name,/format -row .file",
    "rows": "-row .name -ignore .file -confidence 0.99",
    "filter": "-filter -.unit:B/op -alpha 0.5",
}


@pytest.mark.parametrize("case", CASES)
def test_table_is_the_stored_one(monkeypatch, case):
    monkeypatch.chdir(STORE)
    truth = STORE / f"{case}.out"
    arguments = [*CASES[case].split(), "a.txt", "b.txt"]
    if UPDATE:
        random_case(SEED, STORE)
        (STORE / "c.txt").unlink(missing_ok=True)
        truth.write_bytes(run_benchstat(arguments, STORE)[0])
    _, out, _ = run_whet_stat(["--compat=benchstat", *arguments])
    if out != truth.read_bytes():
        truth.with_suffix(".got").write_bytes(out)
        pytest.fail(f"{truth.name} differs; compare it with {case}.got")
