"""`whet bench --vs REVISION` on a real repository."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from json_schema import check
from process.harness import needs_collector

pytestmark = needs_collector

BENCH = [sys.executable, "-m", "whet", "bench", "--vs"]
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "measured-thing"
version = "1"
"""
CODE = (
    "def slow(n=200):\n    return sum(i * i for i in range(n))\ndef steady():\n    return sorted(range(50))\n"
)
BENCHMARKS = """
import thing


def bench_slow(b):
    for _ in b:
        thing.slow()


def bench_steady(b):
    for _ in b:
        thing.steady()
"""
SCHEMA = Path(__file__).parents[2] / "docs/bench-json.schema.json"
WAIT_S = 120


def git(folder, *arguments):
    return subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


@pytest.fixture
def repository(tmp_path):
    """A project that needs no installing; in its working tree one function has ten times the work."""
    folder = tmp_path / "project"
    (folder / "benchmarks").mkdir(parents=True)
    (folder / "thing.py").write_text(CODE)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    (folder / "thing.py").write_text(CODE.replace("n=200", "n=2000"))
    (folder / "benchmarks/bench_thing.py").write_text(BENCHMARKS)  # the old side has no benchmarks yet
    return folder


@pytest.fixture
def bench(repository, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "WHET_LOCK": str(tmp_path / "lock"), "TMPDIR": str(temporary)}

    def run(*arguments):
        before = status(repository)
        done = subprocess.run(
            [*BENCH, *arguments], cwd=repository, env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        assert_clean(repository, temporary, before)
        return done

    run.environment, run.temporary = environment, temporary
    return run


def status(repository):
    return git(repository, "status", "--short", "-uall")


def assert_clean(repository, temporary, before):
    """Nothing is left of the sides, and the working tree is as it was."""
    assert list(temporary.iterdir()) == []
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert status(repository) == before


def test_planted_slowdown_is_found_named_and_fails(bench):
    done = bench("HEAD", "--threshold=30%", "--timeout=20s")
    assert done.returncode == 1, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "slower by" in rows["Slow"]
    assert "Steady" in rows  # what is said of it may be wrong one time in twenty
    assert re.search("slower by more than 30.0%: .*Slow", done.stderr)


def test_markdown_is_for_a_pull_request(bench):
    done = bench("HEAD", "--bench=slow", "--threshold=30%", "--timeout=100s", "--format=markdown")
    lines = done.stdout.splitlines()
    assert lines[0] == "| benchmark | old | new | new/old | 95 % interval | pairs | verdict |"
    assert lines[2].startswith("| `Slow` | ")


def test_json_has_every_pair(bench):
    document = json.loads(bench("HEAD", "--bench=slow", "--threshold=30%", "--timeout=100s", "--json").stdout)
    schema = json.loads(SCHEMA.read_text())
    check(document, schema, schema)
    [comparison] = document["comparisons"]
    pairs = comparison["decision"]["pairs"]
    assert pairs == len(comparison["old_ns"]) == len(comparison["new_ns"]) == len(comparison["quiet"]) > 0
    assert comparison["decision"]["ratio"] > 1.3


def test_project_is_installed_on_both_sides(bench, repository):
    git(repository, "checkout", "--quiet", "thing.py")
    (repository / "src").mkdir()
    git(repository, "mv", "thing.py", "src/thing.py")
    (repository / "pyproject.toml").write_text(PROJECT)
    git(repository, "add", "pyproject.toml")
    git(repository, "commit", "--quiet", "-m", "packaged")
    (repository / "src/thing.py").write_text(CODE.replace("n=200", "n=2000"))
    done = bench("HEAD", "--bench=slow", "--threshold=30%", "--timeout=100s")
    assert done.returncode == 1, done.stderr
    assert "slower by" in done.stdout


def worktrees(repository):
    """Return how many there are; git cannot say it in the moment in which one is made."""
    listed = subprocess.run(
        ["git", "worktree", "list"], cwd=repository, capture_output=True, text=True, check=False
    )
    return len(listed.stdout.splitlines()) if listed.returncode == 0 else 0


def test_interrupted_comparison_leaves_nothing(bench, repository):
    command = [*BENCH, "HEAD", "--threshold=0.01%", "--timeout=60s"]
    before = status(repository)
    for number in (signal.SIGINT, signal.SIGTERM):
        child = subprocess.Popen(command, cwd=repository, env=bench.environment, stderr=subprocess.PIPE)
        give_up = time.monotonic() + WAIT_S
        while worktrees(repository) < 3:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        child.send_signal(number)
        assert b"Traceback" not in child.communicate(timeout=WAIT_S)[1]
        assert child.returncode == 130
        assert_clean(repository, bench.temporary, before)


@pytest.mark.parametrize("arguments", [["no-such-revision"], ["HEAD", "--threshold=0"], ["HEAD", "--stmt=x"]])
def test_wrong_call_is_one_line_and_status_two(bench, arguments):
    done = bench(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("whet: error: ")


def test_outside_of_a_repository(bench, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "bench_x.py").write_text("def bench_x(b):\n    for _ in b: pass\n")
    environment = {**bench.environment, "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    done = subprocess.run(
        [*BENCH, "HEAD"], cwd=outside, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "not a git repository" in done.stderr
