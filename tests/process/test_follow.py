"""`whet run` follows a program into the Python processes that it starts."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from process.harness import PROGRAMS, PYTHON, assert_same, meta, needs_collector, run, whet_run

pytestmark = needs_collector

FAMILY = str(PROGRAMS / "family.py")
RATE = ("--rate", "1000")


def cpu_by_process(recording: Path, name: str) -> dict[str, int]:
    """Return the CPU time below a function in each process, ns, by the label `process`."""
    command = [
        PYTHON,
        "-m",
        "whet",
        "prof",
        "top",
        "--json",
        "--nodecount=100000",
        "--tagroot=process",
        str(recording),
    ]
    rows = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["rows"]
    everywhere = {row["name"] for row in rows}
    found = {}
    for process in [one for one in everywhere if one.endswith("]") and " [" in one]:
        focused = [
            *command[:-1],
            f"--tagfocus=process={process.replace('[', '.').replace(']', '.')}",
            command[-1],
        ]
        inside = json.loads(subprocess.run(focused, capture_output=True, check=True).stdout)["rows"]
        found[process] = sum(row["cum"] for row in inside if row["name"].rpartition(".")[2] == name)
    return found


def record(tmp_path: Path, *words: str, options: tuple[str, ...] = RATE) -> dict[str, Any]:
    done = run(whet_run([FAMILY, *words], tmp_path / "rec", *options), cwd=tmp_path)
    assert done.status == 0, done.err
    return meta(tmp_path / "rec")


@pytest.mark.parametrize("way", ["os.fork", "fork", "forkserver", "spawn", "subprocess", "exec"])
def test_program_that_starts_others_behaves_as_ever(way: str, tmp_path: Path) -> None:
    assert_same([FAMILY, way], tmp_path)


def test_program_that_execs_keeps_the_path_it_was_given(tmp_path: Path) -> None:
    code = "import os, sys; os.execv(sys.executable, [sys.executable, '-c', {!r}])"
    after = "import os, sys; print(os.environ['PYTHONPATH'], '/some/where' in sys.path)"
    assert_same(["-c", code.format(after)], tmp_path, env={"PYTHONPATH": "/some/where"})


@pytest.mark.parametrize(
    ("way", "worker", "workers"),
    [
        ("os.fork", "burn", 2),
        ("fork", "forked_worker", 1),
        ("forkserver", "served_worker", 1),
        ("spawn", "spawned_worker", 1),
        ("subprocess", "burn", 4),
    ],
)
def test_every_process_has_its_profile_and_its_place_in_the_whole(
    way: str, worker: str, workers: int, tmp_path: Path
) -> None:
    facts = record(tmp_path, way)
    spent = cpu_by_process(tmp_path / "rec", worker)
    busy = {process: ns for process, ns in spent.items() if ns > 0}
    assert len(busy) == workers, spent
    pids = {int(process.rpartition("[")[2].rstrip("]")) for process in busy}
    assert pids <= {facts["program"]["pid"], *(child["pid"] for child in facts["processes"])}
    for child in facts["processes"]:
        assert (tmp_path / "rec" / child["directory"] / "cpu.pb.gz").exists()
    assert (tmp_path / "rec/processes" / f"{facts['program']['pid']}-main" / "cpu.pb.gz").exists()


def test_program_that_execs_goes_on_being_recorded(tmp_path: Path) -> None:
    facts = record(tmp_path, "exec")
    (after,) = facts["processes"]
    assert after["pid"] == facts["program"]["pid"]
    assert sum(cpu_by_process(tmp_path / "rec", "burn").values()) > 0.05e9


def test_no_follow_records_the_program_alone(tmp_path: Path) -> None:
    facts = record(tmp_path, "fork", options=(*RATE, "--no-follow"))
    assert facts["processes"] == []
    assert not (tmp_path / "rec/processes").exists()


def test_program_alone_leaves_no_directory_of_processes(tmp_path: Path) -> None:
    done = run(whet_run(["-c", "print(1)"], tmp_path / "rec"), cwd=tmp_path)
    assert (done.status, done.out) == (0, b"1\n")
    assert sorted(path.name for path in (tmp_path / "rec").iterdir()) == ["cpu.pb.gz", "meta.json"]


def test_child_killed_by_its_parent_has_saved_before(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        f"sys.path.insert(0, {str(PROGRAMS)!r})\n"
        "import family\n"
        "reading, writing = os.pipe()\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    family.forked_worker(0.2)\n"
        "    os.write(writing, b'.')\n"
        "    time.sleep(600)\n"
        "os.read(reading, 1)\n"
        "os.kill(pid, signal.SIGKILL)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    done = run(whet_run(["-c", code], tmp_path / "rec", *RATE), cwd=tmp_path)
    assert (done.status, done.out) == (0, f"{-signal.SIGKILL}\n".encode()), done.err
    (child,) = meta(tmp_path / "rec")["processes"]
    assert child["partial"]
    assert sum(cpu_by_process(tmp_path / "rec", "forked_worker").values()) > 0.1e9


def test_processes_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    limit = "import whet.collect.follow as f; f.MAX_PROCESSES = 2\n"
    fork = "import os\nfor _ in range(5):\n    os.waitpid(os.fork() or os._exit(0), 0)\n"
    command = whet_run(["-c", limit + fork], tmp_path / "rec")
    command.remove("-q")
    done = run(command, cwd=tmp_path)
    assert done.status == 0, done.err
    assert len(meta(tmp_path / "rec")["processes"]) == 2
    assert b"3 processes after the first 2 were not followed" in done.err


def test_recording_that_is_replaced_takes_its_processes_along(tmp_path: Path) -> None:
    first = record(tmp_path, "os.fork")
    again = record(tmp_path, "os.fork")
    assert len(again["processes"]) == 1
    assert first["processes"][0]["directory"] != again["processes"][0]["directory"]
    assert len(list((tmp_path / "rec/processes").iterdir())) == 2


def test_recorded_program_may_record_another_one(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    code = (
        "import subprocess, sys\n"
        f"command = {whet_run(['-c', 'print(5)'], inner)!r}\n"
        "print(subprocess.run(command, capture_output=True, text=True))\n"
    )
    done = run(whet_run(["-c", code], tmp_path / "rec"), cwd=tmp_path)
    assert b"returncode=0, stdout='5\\n'" in done.out, done.out
    assert meta(inner)["processes"] == []
    assert len(meta(tmp_path / "rec")["processes"]) == 1
