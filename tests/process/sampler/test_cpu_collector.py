"""The CPU collector inside real processes: is it true, is it harmless?"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from process.harness import needs_collector
from process.samples import samples_of
from whet.formats.pprof import decode
from whet.model.profile import Profile

HERE = Path(__file__).parent
pytestmark = needs_collector


def run_program(name: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "ignore", str(HERE / name), *map(str, arguments)]
    limit_s = 280 + float(os.environ.get("WHET_STRESS_SECONDS", "0"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def neighbour(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run_program("neighbours_program.py", name))
    return result


def function_places(profile: Profile) -> list[tuple[str, str, int]]:
    """(qualname, file, first line) of each location."""
    texts, f = profile.strings.texts(), profile.functions
    rows = [profile.locations.line_function[i] for i in profile.locations.line_start[:-1]]
    return [(texts[f.system_name[r]], texts[f.filename[r]], int(f.start_line[r])) for r in rows]


def cumulated(profile: Profile) -> tuple[Counter[str], int]:
    """Nanoseconds by function name, recursion counted once, and their total."""
    cum = Counter[str]()
    for sample in samples_of(profile):
        for name in set(sample.names):
            cum[name] += sample.values[1]
    return cum, int(profile.samples.values[:, 1].sum())


# What a thread uses after its last sample is charged to nobody, and its first sample is charged up to an
# interval too much. An interval is one and a half times 10 ms at most, and then as long as the thread
# happens not to run when the kernel looks at its timer, every 4 ms.
INTERVAL_NS = 20e6


def assert_all_charged(result: dict[str, Any], threads: int = 1) -> None:
    """What was sampled is what the program's own CPU clock says, whatever that was on this machine."""
    # Errors of threads are independent: they add up with the root of their number.
    slack_ns = INTERVAL_NS * threads**0.5
    sampled_ns, spent_ns = result["statistics"]["sampled_cpu_ns"], result["spent_ns"]
    assert sampled_ns == pytest.approx(spent_ns, abs=0.2 * spent_ns + slack_ns)


@pytest.mark.parametrize("threads", [1, 4])
def test_shares_are_true_within_one_point(tmp_path: Path, threads: int) -> None:
    # 5 kHz for more than 2 s of CPU time.
    out = run_program("shares_program.py", tmp_path / "p", 5000, 96 // threads, threads)
    truth = json.loads(out)
    spent = truth["functions"]
    profile = decode((tmp_path / "p").read_bytes())
    cum, total = cumulated(profile)
    truth_total = spent["even"] + spent["odd"]
    # A function is called for 4 ms or more: each call is sampled, and only its ends are random.
    assert int(profile.samples.values[:, 0].sum()) >= 500 * truth_total
    for name, seconds in spent.items():
        assert cum[name] / total == pytest.approx(seconds / truth_total, abs=0.01), name
    # What the profile says was spent is what the clock says was spent.
    assert total / 1e9 == pytest.approx(truth_total - truth["handler"], rel=0.03)


def test_default_rate_charges_all_cpu_time_and_threads_by_name(tmp_path: Path) -> None:
    truth = json.loads(run_program("shares_program.py", tmp_path / "p", 100, 18, 3))["threads"]
    profile = decode((tmp_path / "p").read_bytes())
    by_thread = Counter[str | int]()
    for sample in samples_of(profile):
        by_thread[sample.labels.get("thread", "")] += sample.values[1]
    _, total = cumulated(profile)
    assert total / 1e9 == pytest.approx(sum(truth.values()), rel=0.15)
    for name, seconds in truth.items():
        assert by_thread[name] / 1e9 == pytest.approx(seconds, rel=0.25), name


@pytest.mark.parametrize(
    "seconds", [pytest.param(2.5, id="10k"), pytest.param(30, id="100k", marks=pytest.mark.slow)]
)
def test_no_sampled_call_is_one_that_tracing_does_not_show(tmp_path: Path, seconds: float) -> None:
    run_program("edges_program.py", tmp_path / "p", tmp_path / "e", 5000, seconds)
    profile = decode((tmp_path / "p").read_bytes())
    traced = json.loads((tmp_path / "e").read_text())
    edges, made = {tuple(e) for e in traced["edges"]}, {tuple(m) for m in traced["made"]}
    known = {e[:3] for e in edges} | {e[3:] for e in edges}
    places = function_places(profile)
    s = profile.samples
    count = int(s.values[:, 0].sum())
    assert count > 200 * seconds  # 5,000 on a machine that is free
    impossible = Counter[object]()
    for row in range(len(s)):
        stack = [places[i] for i in s.stack[s.stack_start[row] : s.stack_start[row + 1]]]
        for callee, caller in pairwise(stack):
            if callee in known and caller in known and callee not in made and (*caller, *callee) not in edges:
                impossible[caller, callee] += int(s.values[row, 0])
    assert not impossible
    assert not [c for c in profile.comment_texts() if "dropped" in c]


def test_program_keeps_its_own_sigprof() -> None:
    result = neighbour("own_sigprof")
    assert result["seen"] > 10
    assert_all_charged(result)


def test_sampler_gives_way_when_the_program_takes_its_signal() -> None:
    result = neighbour("takes_signal")
    assert result["kept"]
    assert result["statistics"]["signal_changes"] == 1
    assert result["statistics"]["samples"] > 100
    assert [c for c in result["comments"] if "signal_changes=1" in c]


def test_stacks_are_read_safely_while_another_owns_sigsegv() -> None:
    result = neighbour("fault_handler")
    assert result["statistics"]["unguarded"] > 0.3e9 / INTERVAL_NS
    assert result["statistics"]["rejected"] <= result["statistics"]["samples"] / 100


def test_a_wait_is_not_blamed_for_the_work_before_it() -> None:
    result = neighbour("works_and_waits")
    ends = {name.rpartition(".")[2]: ns for name, ns in result["ends"].items()}
    # On a busy machine, a thread that has just been woken is taken for one that was kept from running.
    assert ends.get("wait", 0) < result["waiting_ns"] + 0.35 * result["spent_ns"]
    assert ends["compute"] > 0.5 * result["spent_ns"]


def test_deep_stacks_are_cut_and_marked() -> None:
    result = neighbour("deep")
    assert result["statistics"]["truncated"] > 10
    assert result["deepest"] == 10_001
    assert "[stack truncated here]" in result["ends"]


def test_two_hundred_threads_are_all_charged() -> None:
    result = neighbour("many_threads")
    assert result["statistics"]["threads"] >= 200
    assert_all_charged(result, threads=200)


def test_switching_threads_all_the_time_loses_nothing() -> None:
    result = neighbour("switch_interval")
    assert_all_charged(result, threads=5)


def test_generators_and_coroutines_show_their_chain() -> None:
    assert neighbour("generators_and_tasks")["deepest"] > 50


def test_forked_children_are_not_measured_and_can_be() -> None:
    result = neighbour("fork_children")
    assert result["statuses"] == [0, 0]
    assert_all_charged(result)


def test_second_recording_is_refused_and_a_later_one_works() -> None:
    result = neighbour("twice")
    assert result["refused"] == "a CPU recording is running in this process already"
    assert_all_charged(result)


def test_code_that_is_gone_is_still_named() -> None:
    result = neighbour("dying_code")
    generated = {name: ns for name, ns in result["ends"].items() if "generated_" in name}
    assert len(generated) == 50
    # Making a function takes a sixth of what calling it takes.
    assert sum(generated.values()) > 0.6 * result["spent_ns"]
    assert all(name.startswith("<string>.generated_") for name in generated)


def test_other_interpreters_are_charged_and_harmless() -> None:
    result = neighbour("subinterpreters")
    assert_all_charged(result, threads=4)
    if sys.version_info >= (3, 12):
        assert result["ends"]["[another interpreter]"] > 1e9


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: OpenBLAS makes no threads")
def test_threads_of_a_library_loaded_later_are_charged() -> None:
    result = neighbour("late_library")
    assert_all_charged(result, threads=1 + (os.cpu_count() or 1))
    assert result["other_threads_ns"] > 0
    assert result["ends"].get("[no Python frame]", 0) > 0.5 * result["other_threads_ns"]


def test_stopping_puts_everything_back() -> None:
    result = neighbour("put_back")
    assert result["same"]
    assert result["threads_left"] == 0


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_everything_at_once_at_high_rate(seed: int) -> None:
    totals = stress(6, seed)
    assert totals["samples"] > 100 * totals["process_cpu_ns"] / 1e9
    assert totals["rejected"] <= totals["samples"] / 1000


def test_everything_at_once_in_a_storm_of_signals(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for the storm")
    library = tmp_path / "storm.so"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", library, HERE / "storm.c", "-lpthread"], check=True
    )
    totals = stress(6, 3, library)
    assert totals["signals"] > 500 * totals["process_cpu_ns"] / 1e9
    assert totals["rejected"] <= totals["samples"] / 1000


def stress(seconds: float, seed: int, *storm: Path) -> dict[str, float]:
    """Run the stress program; WHET_STRESS_SECONDS makes it longer."""
    seconds = float(os.environ.get("WHET_STRESS_SECONDS") or seconds)
    out = run_program("stress_program.py", seconds, 40_000 if storm else 20_000, seed, 2, *storm)
    totals: dict[str, float] = json.loads(out.splitlines()[-1])
    print({name: f"{value:,.0f}" for name, value in totals.items()})
    return totals


def test_all_collectors_start_and_stop_at_random_under_everything() -> None:
    seconds = float(os.environ.get("WHET_STRESS_SECONDS") or 8)
    told = json.loads(run_program("torture_program.py", seconds, 11, 2).splitlines()[-1])
    print(told)
    assert min(told["started"].values()) >= 2
    assert min(told["bytes"].values()) > 100
