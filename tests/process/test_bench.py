"""`whet bench` with real benchmarks in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from json_schema import check
from process.harness import PROGRAMS, needs_collector

pytestmark = needs_collector

EXAMPLES = str(PROGRAMS / "bench_examples.py")
SCHEMA = Path(__file__).parents[2] / "docs/bench-json.schema.json"
QUICK = ("--benchtime", "20ms", "--processes", "2")


@dataclass
class Ran:
    status: int
    out: str
    err: str

    @property
    def results(self) -> dict[str, tuple[int, dict[str, float]]]:
        """Iterations and values by unit, of each result line by its name without `Benchmark`."""
        found = {}
        for line in self.out.splitlines():
            if line.startswith("Benchmark"):
                name, iterations, *cells = line.split("\t")
                values = {unit: float(value) for value, unit in (cell.split() for cell in cells)}
                found[name.strip().removeprefix("Benchmark")] = (int(iterations), values)
        return found


@pytest.fixture
def bench(tmp_path):
    def run(*arguments: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "whet", "bench", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "WHET_LOCK": str(tmp_path / "lock")},
        )
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def test_every_style_is_measured(bench):
    ran = bench(*QUICK, "--bench", "list|loop|counted|tasks", "--benchmem", EXAMPLES)
    assert ran.status == 0, ran.err
    assert list(ran.results) == ["List", "Loop", "Counted", "Tasks"]
    for iterations, values in ran.results.values():
        assert iterations > 100
        assert 0 < values["ns/op"] < 1e6
    assert ran.results["List"][1]["allocs/op"] >= 1
    assert 800 < ran.results["List"][1]["B/op"] < 4000
    # Setting up is not part of the loop: once for timing.
    assert ran.results["List"][1]["setups"] == 1
    by_loop, by_count = ran.results["Loop"][1]["ns/op"], ran.results["Counted"][1]["ns/op"]
    assert 0.02 < by_loop / by_count < 50  # a loop that is miscounted is wrong by its thousands


def test_output_is_gos_format_with_a_header_and_remarks(bench):
    ran = bench(*QUICK, "--bench", "^bench_nothing$", EXAMPLES)
    lines = ran.out.splitlines()
    keys = [line.partition(":")[0] for line in lines[: lines.index(next(x for x in lines if "Bench" in x))]]
    assert keys[:3] == ["goos", "goarch", "pkg"]
    assert keys[-2:] == ["python", "python-build"]
    assert ran.results["Nothing"][0] > 1000
    assert lines[-1].startswith("# BenchmarkNothing: 2 processes, ")
    assert "nothing is left of `pass`" in ran.err


def test_sub_benchmarks_parameters_and_patterns(bench):
    ran = bench(*QUICK, "--bench", "Groups/sort", EXAMPLES)
    assert list(ran.results) == ["Groups/sort/size=50"]
    assert ran.results["Groups/sort/size=50"][1]["MB/s"] > 0
    ran = bench(*QUICK, "--bench", "parameters/size=2", EXAMPLES)
    assert list(ran.results) == ["Parameters/size=20/kind=a_b"]
    assert list(bench(*QUICK, "-bench=Groups", EXAMPLES).results) == ["Groups/sort/size=50", "Groups/reverse"]


def test_threads_are_named_as_go_names_them(bench):
    ran = bench(*QUICK, "--bench", "threads", "--cpu", "1,2", EXAMPLES)
    assert list(ran.results) == ["Threads", "Threads-2"]


def test_count_and_iterations(bench):
    ran = bench("--benchtime", "100x", "--processes", "2", "--count", "3", "--bench", "list", EXAMPLES)
    names = [line.split("\t")[0].strip() for line in ran.out.splitlines() if line.startswith("Bench")]
    assert names == ["BenchmarkList"] * 3
    assert ran.results["List"][0] <= 200


def test_hash_seeds_differ_between_processes_and_are_repeatable(bench):
    def hashes(seed: str) -> float:
        ran = bench("--benchtime=5x", "--processes=1", "--seed", seed, "--bench=list", EXAMPLES)
        return ran.results["List"][1]["hash"]

    assert hashes("1") == hashes("1")
    assert hashes("1") != hashes("2")


def test_stopped_timer_does_not_count(bench):
    ran = bench(*QUICK, "--benchtime=200ms", "--bench", "stopped", EXAMPLES)
    values = ran.results["Stopped"][1]
    assert values["ns/op"] < values["left-out-ns"] / 2


def test_what_cannot_be_measured_fails_alone(bench):
    ran = bench(*QUICK, "--bench", "left|raises|dies|leaves|loop", EXAMPLES)
    assert ran.status == 1
    assert list(ran.results) == ["Loop"]
    assert "--- FAIL: BenchmarkLeft\n    the loop was left before its end" in ran.out
    assert "--- FAIL: BenchmarkRaises\n    ValueError: on purpose" in ran.out
    assert "--- FAIL: BenchmarkDies\n    its process was killed by SIGKILL" in ran.out
    assert "--- FAIL: BenchmarkLeaves\n    its process ended with status 3" in ran.out


def test_statement(bench):
    ran = bench(*QUICK, "--stmt", "sorted(x)", "--setup", "x = [3, 1, 2]")
    assert ran.results["Statement"][1]["ns/op"] > 10
    folded = bench(*QUICK, "--stmt", "1 + 1")
    assert "nothing is left of `1 + 1`" in folded.err
    wrong = bench("--stmt", "1 +")
    assert (wrong.status, wrong.out) == (2, "")
    assert "not valid Python" in wrong.err


def test_constant_expression_is_doubted(bench):
    ran = bench(*QUICK, "--bench", "folded|nothing", "--list", EXAMPLES)
    assert ran.out == "bench_nothing\nbench_folded\n"
    assert "bench_folded: line 3: `2 * 3` is computed when it is compiled" in ran.err


def test_json_holds_what_is_known(bench):
    ran = bench(*QUICK, "--json", "--bench", "Loop|Broken", EXAMPLES)
    document = json.loads(ran.out)
    schema = json.loads(SCHEMA.read_text())
    check(document, schema, schema)
    assert document["results"]
    for result in document["results"]:
        assert result["certificate"]["processes"] == 2 if not result["error"] else not result["values"]


def test_profiles_hold_every_benchmark(bench, tmp_path):
    paths = {kind: str(tmp_path / f"{kind}.pb.gz") for kind in ("cpu", "mem", "block", "mutex")}
    options = [word for kind, path in paths.items() for word in (f"--{kind}profile", path)]
    ran = bench(*QUICK, "--benchtime=200ms", *options, "--bench", "bench_list|bench_loop", EXAMPLES)
    assert ran.status == 0, ran.err
    for kind, path in paths.items():
        tags = subprocess.run(
            [sys.executable, "-m", "whet", "prof", "tags", "--json", "-sample_index=0", path],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(tags.stdout)
        present = {value["text"] for row in found["rows"] for value in row["values"]}
        assert {"List", "Loop"} <= present or kind in ("block", "mutex")
        assert not any("bench_worker" in comment for comment in found["comments"])


def test_traces_are_for_go(bench):
    ran = bench("--trace=x", EXAMPLES)
    assert (ran.status, "--trace is for Go packages only" in ran.err) == (2, True)


def test_standard_output_is_for_results_alone(bench):
    ran = bench(*QUICK, "--bench", "prints", EXAMPLES)
    assert "printed by the benchmark" in ran.err
    assert "printed by the benchmark" not in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["/nowhere"], ["--benchtime=soon"], ["--benchtime=0s"], ["--count=0"], ["--bench=("], ["--what"],
        ["--cpu=x"], ["--bench"], ["--bench=no_such_benchmark", EXAMPLES], ["--stmt=x", EXAMPLES],
    ],
)  # fmt: skip
def test_wrong_call_is_one_line_and_status_two(bench, arguments):
    ran = bench(*arguments)
    assert (ran.status, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert lines[0].startswith("whet: error: ")
    assert all(line.startswith("hint: ") for line in lines[1:])


def test_file_that_cannot_be_imported_is_named(bench, tmp_path):
    broken = tmp_path / "bench_broken.py"
    broken.write_text("import no_such_module\n")
    ran = bench(str(broken))
    assert ran.status == 2
    assert f"{broken}: ModuleNotFoundError: No module named 'no_such_module'" in ran.err


def test_does_not_wait_for_the_lock_that_it_runs_under(tmp_path):
    command = [sys.executable, "-m", "whet"]
    done = subprocess.run(
        [*command, "lock", *command, "bench", "--benchtime=2x", "--processes=1", "--stmt", "sorted([])"],
        env={**os.environ, "WHET_LOCK": str(tmp_path / "lock")},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "BenchmarkStatement" in done.stdout
