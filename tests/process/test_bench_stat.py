"""What `whet bench` prints, `whet stat` compares: nothing is warned of, nothing lost."""

from __future__ import annotations

import subprocess
import sys

from process.harness import PROGRAMS, needs_collector

pytestmark = needs_collector

OPTIONS = ["--benchtime", "10ms", "--processes", "1", "--count", "4", "--bench", "list|loop", "--benchmem"]


def whet(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "whet", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_two_runs_are_compared_without_a_warning(tmp_path):
    for name in ("old.txt", "new.txt"):
        ran = whet("bench", "--no-lock", *OPTIONS, str(PROGRAMS / "bench_examples.py"), cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert "\n# Benchmark" in ran.stdout
        (tmp_path / name).write_text(ran.stdout)
    compared = whet("stat", "-threshold", "10000%", "old.txt", "new.txt", cwd=tmp_path)
    assert (compared.returncode, compared.stderr) == (0, "")
    lines = compared.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["goos", "goarch", "pkg"]
    units = [line.split("│")[1].strip() for line in lines if "vs base" in line]
    assert units[0] == "sec/op"
    assert {"B/op", "allocs/op"} <= set(units)
    rows = [line.split()[0] for line in lines if "±" in line]
    assert rows[:2] == ["List", "Loop"]
    assert all("n=4)" in line for line in lines if line.startswith(("List ", "Loop ")) and "±" in line)
