"""`whet gc advise` on real programs."""

import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from process.harness import needs_collector

pytestmark = needs_collector

COLLECTS = """
import gc, sys
kept = []
for i in range(60_000):
    kept.append({"id": i, "more": [i, {"x": i}]})
print(sys.argv[1:])
"""


def advise(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "whet", "gc", "advise", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=280)


def by_setting(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return {row["setting"]: row for row in json.loads(done.stdout)["settings"]}


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "collects.py").write_text(COLLECTS)
    return "collects.py"


def test_each_setting_is_in_force_in_its_own_processes(tmp_path: Path, script: str) -> None:
    settings = ("50000", "freeze", "50000+freeze", "off")
    options = [word for setting in settings for word in ("--setting", setting)]
    done = advise("--json", "--cpu", "--time", "3", "--seed", "1", *options, script, cwd=tmp_path)
    rows = by_setting(done)
    assert list(rows) == ["default", *settings]
    assert rows["off"]["collections"] == 0
    assert 0 < rows["50000"]["collections"] < rows["default"]["collections"] / 5
    assert all(row["peak_rss_bytes"] > 10 << 20 for row in rows.values())
    assert rows["off"]["time_ratio"] < 1
    assert json.loads(done.stdout)["clock"] == "cpu"


def test_what_is_frozen_is_not_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "looks.py").write_text(
        "import gc\n"
        "kept = [[i] for i in range(5_000)]\n"
        "gc.collect()\n"
        "frozen, looked_at = gc.get_freeze_count(), len(gc.get_objects())\n"
        "with open('states.txt', 'a') as file:\n"
        "    print(gc.get_threshold()[0], gc.isenabled(), frozen > 5_000, looked_at > 5_000, file=file)\n"
    )
    options = [
        word for setting in ("50000", "freeze", "50000+freeze", "off") for word in ("--setting", setting)
    ]
    by_setting(advise("--json", "--time", "1", *options, "looks.py", cwd=tmp_path))
    usual = gc.get_threshold()[0]
    assert set((tmp_path / "states.txt").read_text().splitlines()) == {
        f"{usual} True False True",
        "50000 True False True",
        f"{usual} True True False",
        "50000 True True False",
        f"{usual} False False True",
    }


def test_a_table_and_words_for_people(tmp_path: Path, script: str) -> None:
    done = advise("--cpu", "--time", "2", "--setting", "off", script, "an", "argument", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["setting", "time"]
    assert [line.split()[0] for line in lines[1:3]] == ["default", "off"]
    assert any(line.startswith("the collector takes ") for line in lines)
    assert done.stderr == ""


def test_a_program_that_sets_its_own_thresholds_is_doubted(tmp_path: Path) -> None:
    code = "import gc; gc.set_threshold(900); x = [[] for _ in range(50_000)]"
    done = advise("--time", "1", "--setting", "50000", "-c", code, cwd=tmp_path)
    assert "50000: the program set thresholds of its own" in done.stderr


def test_a_program_without_garbage_has_nothing_to_gain(tmp_path: Path) -> None:
    done = advise("--time", "20", "-c", "sum(range(3_000_000))", cwd=tmp_path)
    assert "nothing to gain: collecting takes less than the margin of 1.0%" in done.stdout
    assert "3" in done.stdout


def test_a_program_that_leaves_no_report_is_measured_all_the_same(tmp_path: Path) -> None:
    done = advise("--time", "1", "--setting", "off", "-c", "import os; os._exit(0)", cwd=tmp_path)
    assert done.returncode == 0
    assert "memory and pauses are unknown" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no program to run"),
        (["-c"], "-c needs a value"),
        (["--time", "x", "a.py"], "--time: 'x' is not a number"),
        (["--margin", "0", "a.py"], "--margin: 0 is not a percentage"),
        (["--setting", "never", "a.py"], "'never' is no setting of the collector"),
        (["--setting", "default", "a.py"], "the default is measured always"),
        (["--nope", "a.py"], "whet gc advise has no option --nope"),
        (["missing.py"], "missing.py: no such script"),
        (["-c", "raise SystemExit(3)"], "ended with status 3 under the setting default"),
    ],
)
def test_wrong_calls_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = advise(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr
