"""The off-CPU collector inside real processes: is it true, is it harmless?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from process.blocking.profiles import samples_of
from process.harness import needs_collector

HERE = Path(__file__).parent
pytestmark = needs_collector

TOLERANCE_NS = 50_000
TOLERANCE_SHARE = 0.01


def run_program(name: str, *arguments: object, timeout_s: float = 280) -> Any:
    """Run a program of this folder; return what it printed as JSON."""
    command = [sys.executable, "-W", "ignore", str(HERE / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("threads", "rounds"), [(1, 1), (8, 2), pytest.param(16, 22, marks=pytest.mark.slow, id="10k")]
)
def test_each_wait_has_its_reason_and_its_length(tmp_path: Path, threads: int, rounds: int) -> None:
    result = run_program("waits_program.py", tmp_path, threads, rounds, timeout_s=600)
    count: dict[tuple[str, str], int] = defaultdict(int)
    ns: dict[str, int] = defaultdict(int)
    for sample in samples_of((tmp_path / "block.pb.gz").read_bytes()):
        for name, file in sample.functions:
            if file == "<timed>":
                count[name, sample.labels["reason"]] += sample.count
                ns[name] += sample.ns
    for name, wait in result["waits"].items():
        # A helper that came too early, on a busy machine, leaves nothing to wait for.
        expected = {wait["reason"], "sleep"} if wait["reason"] == "gil" else {wait["reason"], "gil"}
        reasons = {reason for function, reason in count if function == name}
        assert reasons <= expected | {"gil"}, name
        assert sum(count[name, reason] for reason in expected) >= wait["count"] * 0.7, name
        tolerance_ns = max(TOLERANCE_SHARE * wait["ns"], TOLERANCE_NS * wait["count"])
        assert ns[name] <= wait["ns"] + tolerance_ns, name
        assert ns[name] >= wait["ns"] - wait["busy_ns"] - tolerance_ns, name
    assert result["statistics"]["dropped"] == 0
    assert result["statistics"]["rejected"] == 0


@pytest.mark.skipif(shutil.which("go") is None, reason="no go")
def test_go_tool_pprof_opens_both_profiles(tmp_path: Path) -> None:
    run_program("waits_program.py", tmp_path, 1, 1, "wait_rlock", "wait_gil", "wait_sleep")
    shown = {"block.pb.gz": "<timed>.wait_sleep", "mutex.pb.gz": "wait_rlock.<locals>.hold"}
    for file, function in shown.items():
        command = ["go", "tool", "pprof", "-top", "-cum", str(tmp_path / file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "Type: delay" in done.stdout
        assert function in done.stdout
