"""Wall-clock profiles: every thread's life adds up, and each part of it is in its place."""

import json
import subprocess
from pathlib import Path

import pytest

from go_toolchain import go_command
from process.harness import PROGRAMS, PYTHON, meta, needs_collector, run, whet_run
from whet.analyze.profile.labels import sample_labels
from whet.formats.pprof import decode

pytestmark = needs_collector

TOLERANCE = 0.02
Recorded = tuple[Path, dict[str, list[int]]]


def sums(recording: Path, *keys: str) -> dict[tuple[str, ...], int]:
    """Return the sums of a recording's wall-clock profile by labels."""
    profile = decode((recording / "wall.pb.gz").read_bytes())
    assert profile.sample_type_names() == [("wall", "nanoseconds")]
    texts, found = profile.strings.texts(), {}
    for row, (value,) in enumerate(profile.samples.values.tolist()):
        labels = sample_labels(profile, texts, row).texts
        key = tuple(labels.get(key, [""])[0] for key in keys)
        found[key] = found.get(key, 0) + value
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    place = tmp_path_factory.mktemp("wall")
    done = run(whet_run([str(PROGRAMS / "lives.py")], place / "rec", "--block"), cwd=place)
    assert done.status == 0, done.err
    return place / "rec", json.loads(done.out)


def test_wall_of_each_thread_is_its_life(recorded: Recorded) -> None:
    recording, lives = recorded
    found = sums(recording, "thread")
    for name, (inner_ns, outer_ns) in lives.items():
        # A thread ends some moments after its last line.
        assert inner_ns * (1 - TOLERANCE) <= found[name,] <= outer_ns * (1 + TOLERANCE) + 20_000_000
    accounts = {(row["thread"],): row["life_ns"] for row in meta(recording)["block"]["threads"]}
    assert found.keys() == accounts.keys()
    for key, life_ns in accounts.items():
        assert found[key] == pytest.approx(life_ns, rel=TOLERANCE, abs=1_000_000)


def test_each_part_of_a_life_has_its_state(recorded: Recorded) -> None:
    recording, _ = recorded
    by_state = sums(recording, "thread", "state", "reason")
    assert by_state["sleeps", "waiting", "sleep"] >= 0.79e9
    assert by_state["waits", "waiting", "lock"] >= 0.65e9
    for row in meta(recording)["block"]["threads"]:
        running_ns = by_state.get((row["thread"], "running", ""), 0)
        assert running_ns == pytest.approx(row["cpu_ns"], abs=10_000)
    assert {state for _, state, _ in by_state} <= {"running", "waiting", "runnable", "other"}


def test_comments_say_what_the_parts_come_to(recorded: Recorded) -> None:
    recording, _ = recorded
    comments = decode((recording / "wall.pb.gz").read_bytes()).comment_texts()
    told = dict(c.removeprefix("whet: wall_").split("_ns=") for c in comments if "wall_" in c)
    found = {key[0]: value for key, value in sums(recording, "state").items()}
    for state, value in told.items():
        assert found.get(state, 0) == pytest.approx(int(value), abs=10_000)


def test_processes_have_walls_of_their_own(tmp_path: Path) -> None:
    code = "import os, time\nif os.fork() == 0:\n    time.sleep(0.3)\n    raise SystemExit\nos.wait()\n"
    done = run(whet_run(["-c", code], tmp_path / "rec", "--block"), cwd=tmp_path)
    assert done.status == 0, done.err
    found = sums(tmp_path / "rec", "process", "reason")
    (sleeper,) = (process for process, reason in found if reason == "sleep")
    (waiter,) = (process for process, reason in found if reason == "subprocess wait")
    assert sleeper != waiter
    assert min(found[sleeper, "sleep"], found[waiter, "subprocess wait"]) > 0.25e9


def test_library_makes_one_with_the_report(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    code = f"import time, whet\nwith whet.profile({str(rec)!r}, block=True):\n    time.sleep(0.2)\n"
    done = run([PYTHON, "-c", code], cwd=tmp_path)
    assert done.status == 0, done.err
    assert sums(rec, "reason")["sleep",] > 0.19e9
    assert meta(rec)["files"]["wall.pb.gz"] == (rec / "wall.pb.gz").stat().st_size
    assert 'data-name="Wall clock"' in (rec / "report.html").read_text()


def test_go_opens_it(recorded: Recorded) -> None:
    path = recorded[0] / "wall.pb.gz"
    command = [go_command(), "tool", "pprof", "-top", "-tagfocus=state=waiting", str(path)]
    out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert "Type: wall" in out
