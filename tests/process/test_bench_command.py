"""`whet bench -- COMMAND` and Go packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from go_toolchain import go_command, go_on_path
from json_schema import check

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/bench-json.schema.json").read_text())
BENCH = [sys.executable, "-m", "whet", "bench"]


@pytest.fixture
def bench(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*BENCH, *arguments],
            cwd=tmp_path, env={**os.environ, "WHET_LOCK": str(tmp_path / "lock")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    return run


def results(text: str) -> list[tuple[str, dict[str, float]]]:
    found = []
    for line in text.splitlines():
        if line.startswith("Benchmark"):
            name, _, *cells = line.split("\t")
            found.append((name.strip(), {unit: float(value) for value, unit in map(str.split, cells)}))
    return found


def test_every_run_is_a_result(bench):
    done = bench("--count=3", "--warmup=1", "--", "sleep", "0.05")
    assert done.returncode == 0, done.stderr
    found = results(done.stdout)
    assert [name for name, _ in found] == ["BenchmarkSleep"] * 3
    assert all(values["ns/op"] > 50e6 for _, values in found)
    assert all(values["user-ns/op"] < 40e6 for _, values in found)


def test_cpu_time_and_memory_are_the_commands(bench):
    code = "x = bytearray(100_000_000)\nfor _ in range(2_000_000): pass"
    [(_, values)] = results(bench("--count=1", "--", sys.executable, "-c", code).stdout)
    assert values["peak-RSS-bytes"] > 100_000_000
    assert values["user-ns/op"] > 5e6


def test_parameters_make_variants(bench, tmp_path):
    done = bench(
        *("--count=2", "--param", "a=1,2", "--param", "b=x y", "--prepare", "touch ready-{a}"),
        *("--", "test", "-e", "ready-{a}"),
    )
    assert done.returncode == 0, done.stderr
    assert sorted({name for name, _ in results(done.stdout)}) == [
        "BenchmarkTest/a=1/b=x_y",
        "BenchmarkTest/a=2/b=x_y",
    ]
    assert (tmp_path / "ready-2").exists()


def test_output_is_dropped_unless_asked_for(bench):
    assert "spoken" not in bench("--count=1", "--", "echo", "spoken").stdout
    assert "spoken" in bench("--count=1", "--show-output", "--", "echo", "spoken").stdout


def test_failure_is_an_error_unless_asked_for(bench):
    done = bench("--", "false")
    assert done.returncode == 2
    assert "false: ended with status 1" in done.stderr
    assert bench("--count=1", "--ignore-failure", "--", "false").returncode == 0


def test_runs_as_json(bench):
    document = json.loads(bench("--count=2", "--json", "--", "true").stdout)
    check(document, SCHEMA, SCHEMA)
    assert [result["name"] for result in document["results"]] == ["BenchmarkTrue"] * 2
    assert all(result["values"]["ns/op"] > 0 for result in document["results"])


@pytest.mark.parametrize(
    "arguments",
    [["--"], ["--", "no-such-command-anywhere"], ["--param=x", "--", "true"], ["file.py", "--", "true"]],
)
def test_wrong_call_is_one_line_and_status_two(bench, arguments):
    done = bench(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("whet: error: ")


def test_go_packages_are_run_by_go(bench, tmp_path, monkeypatch):
    go_command()
    monkeypatch.setenv("PATH", go_on_path())
    (tmp_path / "go.mod").write_text("module m\n\ngo 1.20\n")
    (tmp_path / "m_test.go").write_text(
        'package m\nimport "testing"\nfunc BenchmarkX(b *testing.B) { for i := 0; i < b.N; i++ {} }\n'
        "func BenchmarkY(b *testing.B) {}\n"
    )
    done = bench("-bench=X", "-benchtime=10x", "-count=2", "-cpu=1", "./...")
    assert done.returncode == 0, done.stderr
    assert [name for name, _ in results(done.stdout)] == ["BenchmarkX", "BenchmarkX"]
    (tmp_path / "m_test.go").write_text("package m\nbroken\n")
    assert bench("./...").returncode == 1
