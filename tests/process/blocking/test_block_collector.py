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

from go_toolchain import go_command
from process.harness import needs_collector
from process.samples import samples_of
from whet.formats.pprof import decode

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
    count: dict[tuple[str, str | int], int] = defaultdict(int)
    ns: dict[str, int] = defaultdict(int)
    # The GIL may be asked for between the program's reading of its clock and the function's ends.
    outside_ns: dict[str, int] = defaultdict(int)
    for sample in samples_of(decode((tmp_path / "block.pb.gz").read_bytes())):
        for name, file in sample.functions:
            if file == "<timed>":
                count[name, sample.labels["reason"]] += sample.values[0]
                ns[name] += sample.values[1]
                if sample.labels["reason"] == "gil" and sample.functions[0] == (name, file):
                    outside_ns[name] += sample.values[1]
    for name, wait in result["waits"].items():
        # A helper that came too early, on a busy machine, leaves nothing to wait for.
        expected = {wait["reason"], "sleep"} if wait["reason"] == "gil" else {wait["reason"], "gil"}
        reasons = {reason for function, reason in count if function == name}
        assert reasons <= expected | {"gil"}, name
        assert sum(count[name, reason] for reason in expected) >= wait["count"] * 0.7 - 1, name
        tolerance_ns = max(TOLERANCE_SHARE * wait["ns"], TOLERANCE_NS * wait["count"])
        assert ns[name] - outside_ns[name] <= wait["ns"] + tolerance_ns, name
        assert ns[name] >= wait["ns"] - wait["busy_ns"] - tolerance_ns, name
    waits = sum(wait["count"] for wait in result["waits"].values())
    assert sum(count.values()) >= waits * 0.7
    assert result["statistics"]["dropped"] == 0
    assert result["statistics"]["rejected"] == 0


@pytest.mark.parametrize("what", ["lock", "gil"])
def test_holders_are_charged_with_the_waits_they_caused(tmp_path: Path, what: str) -> None:
    result = run_program("holders_program.py", tmp_path, what)
    truth_ns, delay_ns = result["caused"], result["delay_ns"]
    charged_ns: dict[str, int] = defaultdict(int)
    for sample in samples_of(decode((tmp_path / "mutex.pb.gz").read_bytes())):
        if sample.labels["reason"] == what:
            for name in set(sample.names):
                charged_ns[name] += sample.values[1]
    for name, ns in truth_ns.items():
        # On a busy machine waiters are late to notice, by a share that the program cannot see.
        assert 0.8 * ns - delay_ns <= charged_ns[name] <= 1.2 * ns, name
    if what == "lock":
        # Nobody is charged with waiting for a sign, and nothing else was held.
        assert sum(truth_ns.values()) == pytest.approx(charged_ns["Thread.run"], rel=0.1, abs=delay_ns)


def test_each_threads_life_is_accounted_for() -> None:
    result = run_program("threads_program.py")
    rows, own = result["rows"], result["own"]
    assert len(own) == 9
    assert set(rows) == {*own, "MainThread", "blocked", "released"}
    for row in rows.values():
        # Neither more waits and computing than time, nor time that nothing explains.
        assert abs(row["short_ns"]) <= 0.05 * row["life_ns"] + result["stolen_ns"], row
    for name, account in own.items():
        assert account["life_ns"] * 0.998 <= rows[name]["life_ns"] <= account["at_most_ns"] * 1.002
        assert rows[name]["cpu_ns"] == pytest.approx(account["cpu_ns"], rel=0.02, abs=2e6)
    # A wait that began before the recording and did not end is all there is of its thread.
    assert rows["blocked"]["waits_ns"]["lock"] == pytest.approx(rows["blocked"]["life_ns"], rel=0.05)
    assert rows["released"]["waits_ns"]["lock"] > 0


def attack(name: str) -> Any:
    return run_program("attacks_program.py", name)


def test_starting_and_stopping_while_threads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHET_STARTS", "60")
    assert attack("start_and_stop")["events"] > 0


@pytest.mark.slow
def test_starting_and_stopping_a_thousand_times_while_threads_wait() -> None:
    assert attack("start_and_stop")["events"] > 0


def test_forked_children_are_not_recorded_and_can_be() -> None:
    result = attack("fork_children")
    assert result["statuses"] == [0, 0]
    assert set(result["reasons"]) <= {"subprocess wait", "gil"}
    assert result["refused"] == "a recording of waits is running in this process already"


@pytest.mark.skipif(shutil.which("readelf") is None, reason="no readelf")
def test_stopping_puts_everything_back() -> None:
    result = attack("put_back")
    assert result["slots"] >= 6
    assert result["changed"] == result["slots"]
    assert result["left"] == []
    assert result["same_pages"]


def test_waits_of_a_module_that_is_imported_later_are_seen() -> None:
    assert attack("late_module")["reasons"]["multiprocessing lock"] == 1


def test_signals_and_errors_are_as_without_us() -> None:
    result = attack("interrupted")
    assert result["slept"] >= 0.2
    assert result["data"] == "done"
    assert result["errors"] == [9, "timed out"]
    assert result["signals"] > 10


def test_interpreter_ends_while_waits_are_recorded() -> None:
    assert attack("never_stopped") == {}


def test_thread_that_ends_while_the_recording_stops_is_accounted_for() -> None:
    assert attack("end_as_recordings_stop") == {"least": 2}


def test_hundreds_of_short_threads_are_all_accounted_for() -> None:
    result = attack("short_threads")
    assert result["threads"] >= 301
    # time.sleep reads the clock before it gives the GIL up: handing that over may take all the time.
    assert 250 <= result["reasons"]["sleep"] <= 301


def test_other_interpreters_wait_too() -> None:
    result = attack("interpreters")
    assert result["reasons"]["sleep"] == 15
    assert result["statistics"]["rejected"] == 0


def test_cpu_samples_may_land_in_redirected_calls() -> None:
    result = attack("beside_the_cpu_sampler")
    assert result["block"]["events"] > 1000
    assert result["block"]["rejected"] == 0
    assert result["cpu"]["rejected"] <= result["cpu"]["samples"] / 100


def test_go_tool_pprof_opens_both_profiles(tmp_path: Path) -> None:
    run_program("waits_program.py", tmp_path, 1, 1, "wait_rlock", "wait_gil", "wait_sleep")
    shown = {"block.pb.gz": "<timed>.wait_sleep", "mutex.pb.gz": "wait_rlock.<locals>.hold"}
    for file, function in shown.items():
        command = [go_command(), "tool", "pprof", "-top", "-cum", str(tmp_path / file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "Type: delay" in done.stdout
        assert function in done.stdout
