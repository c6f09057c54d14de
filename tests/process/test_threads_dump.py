"""Dumps of threads and tasks of real processes."""

import importlib.util
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from go_toolchain import go_command
from process.harness import PROGRAMS, meta, needs_collector
from whet.formats.pprof import decode
from whet.model.profile import Profile

pytestmark = needs_collector

WITH_UVLOOP = pytest.param(
    ["--uvloop"],
    id="uvloop",
    marks=pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="no uvloop for this Python"),
)


def waiting(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    # A session of its own: at its end it kills its process group, the child it waits for included.
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / "waiting.py"), *arguments],
        capture_output=True,
        timeout=240,
        start_new_session=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done


def groups(text: str) -> dict[str, tuple[int, str, list[str]]]:
    """First name -> (count, kind and state, functions)."""
    found = {}
    for part in text.strip().split("\n\n"):
        lines = part.splitlines()
        if lines[0].startswith("threads profile:"):
            lines = lines[1:]
        match = re.fullmatch(r"(\d+) (thread|task)s? \[(.*?)\]: (.*)", lines[0])
        assert match, lines[0]
        functions = [line.split("\t")[1] for line in lines[1:]]
        found[match[4].split(",")[0]] = int(match[1]), f"{match[2]} {match[3]}", functions
    return found


@pytest.mark.parametrize("loop", [pytest.param([], id="stock"), WITH_UVLOOP])
def test_threads_and_tasks_are_told_with_state_and_stack(loop: list[str]) -> None:
    text = waiting("1", *loop).stdout.decode()
    found = groups(text)
    assert text.startswith("threads profile: total 10 threads, 15 tasks\n")
    states = {name: state for name, (_, state, _) in found.items()}
    locked = next(name for name in states if name.startswith("locked"))
    assert found[locked][:2] == (3, "thread lock")
    assert states["sleeper-3"] == "thread sleep"
    assert states["receiver-4"] == "thread receive"
    assert states["selecting-5"] == "thread select"
    assert states["parent-6"] == "thread wait for a process"
    assert states["MainThread"] == "thread running"
    worker = next(name for name in states if name.startswith("worker"))
    count, state, functions = found[worker]
    assert (count, state) == (7, "task event")
    assert functions == ["asyncio.locks.Event.wait", "__main__.inner", "__main__.outer"]
    assert states["on-task"] == "task task"
    assert states["on-gathering"] == "task gathering"
    assert states["on-queue"] == "task queue get"
    assert found["iterates"][1:] == (
        "task event",
        ["asyncio.locks.Event.wait", "__main__.generator", "__main__.iterates"],
    )
    assert states["not started"] == "task runnable"
    assert found["Task-1"][1] == "task running in MainThread"
    assert "__main__.main" in found["Task-1"][2]


def test_a_thread_that_wants_the_gil_is_not_one_that_wants_a_lock() -> None:
    states = Counter[str]()
    for _ in range(10):
        text = waiting("2").stdout.decode()
        states.update(re.findall(r'"spinner-\d+" \[([^,\]]+)', text))
    # One of them may have been about to wait when it was looked at.
    assert set(states) <= {"GIL", "running"}
    assert states["GIL"] >= 1


def test_every_stack_is_printed_with_its_thread() -> None:
    text = waiting("2").stdout.decode()
    first = text.splitlines()[0]
    assert re.fullmatch(r'thread \d+ "MainThread" \[running\]:', first)
    assert 'task "worker-3" [event]:\nasyncio.locks.Event.wait()\n\t' in text
    assert re.search(
        r'thread \d+ "sleeper-3" \[sleep, daemon\]:\n__main__.sleeper\(\)\n\t.*waiting.py:\d+\n', text
    )


def test_how_long_things_last_is_told_while_that_is_watched() -> None:
    lasted = dict(
        re.findall(r'"([\w -]+)" \[[^,\]]+, (\d+ ms|\d+ s)', waiting("2", "watched").stdout.decode())
    )
    assert lasted.keys() >= {"locked-0", "sleeper-3", "receiver-4", "selecting-5", "worker-6", "on-task"}
    assert not lasted.keys() & {"MainThread", "not started"}
    for name in ("locked-0", "sleeper-3", "receiver-4", "worker-0", "on-gathering", "on-queue"):
        number, unit = lasted[name].split()
        assert int(number) * {"ms": 1, "s": 1000}[unit] >= 290
    assert not re.search(r"\[[^\]]*\d m?s", waiting("2").stdout.decode())


def test_the_signal_dumps_and_the_program_goes_on() -> None:
    done = waiting("signal")
    assert done.stdout == b""
    assert "worker-0" in next(
        line for line in done.stderr.decode().splitlines() if line.startswith("7 tasks")
    )


def labels_of(profile: Profile, row: int) -> dict[str, str]:
    texts, s = profile.strings.texts(), profile.samples
    rows = range(s.label_start[row], s.label_start[row + 1])
    return {texts[s.labels.key[i]]: texts[s.labels.text[i]] for i in rows}


def test_the_profile_counts_threads_and_tasks_with_labels(tmp_path: Path) -> None:
    profile = decode(waiting("profile").stdout)
    values = profile.samples.values
    assert values.sum(axis=0).tolist() == [10, 15]
    labels = [labels_of(profile, row) for row in range(len(profile.samples))]
    assert {"task": "worker-6", "state": "event"} in labels
    assert {"thread": "receiver-4", "state": "receive"} in labels


def test_the_profile_knows_how_long_things_last(tmp_path: Path) -> None:
    path = tmp_path / "threads.pb.gz"
    path.write_bytes(waiting("profile", "watched").stdout)
    command = [sys.executable, "-m", "whet", "prof", "-traces", "-tagfocus=lasted=250ms:", str(path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "receiver-4" in out
    assert "not started" not in out


def test_a_recording_keeps_the_dump_with_most_in_it(tmp_path: Path) -> None:
    code = (
        "import os, threading, time, whet\n"
        "gate, recording = threading.Event(), whet.profile('rec', threads=True, block=True, report=False)\n"
        "with recording:\n"
        "    many = [threading.Thread(target=gate.wait, name='waits') for _ in range(5)]\n"
        "    [thread.start() for thread in many]\n"
        "    while not os.path.exists('rec/threads.pb.gz'):\n"
        "        time.sleep(0.01)\n"
        "    gate.set()\n"
        "    [thread.join() for thread in many]\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    profile = decode((tmp_path / "rec/threads.pb.gz").read_bytes())
    labels = [labels_of(profile, row) for row in range(len(profile.samples))]
    assert [one["state"] for one in labels if one["thread"] == "waits"] == ["lock"] * 5
    facts = meta(tmp_path / "rec")["threads"]
    assert facts["dumps"] >= 2
    assert (facts["threads"], facts["tasks"]) == (6, 0)


def test_go_tool_pprof_reads_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "threads.pb.gz"
    path.write_bytes(waiting("profile").stdout)
    command = [
        go_command(),
        "tool",
        "pprof",
        "-sample_index=tasks",
        "-tagfocus=state=event",
        "-top",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"\s8\s.*\s8\s.*asyncio\.locks\.Event\.wait", done.stdout)
    ours = subprocess.run(
        [sys.executable, "-m", "whet", "prof", *command[3:]], capture_output=True, text=True, check=True
    )
    assert ours.stdout == done.stdout


def test_wrong_arguments_are_refused() -> None:
    import whet
    from whet.errors import UsageError

    with pytest.raises(UsageError, match="debug must be 1 or 2"):
        whet.dump_threads(debug=3)
    with pytest.raises(UsageError, match="signal 9"):
        whet.threads_on_signal(signal.SIGKILL)


def test_a_process_without_threading_and_asyncio_has_one_thread() -> None:
    code = "import sys, whet; whet.dump_threads(sys.stdout, debug=1); assert 'asyncio' not in sys.modules"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=PROGRAMS)
    if "No module named 'whet'" in done.stderr:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("threads profile: total 1 threads, 0 tasks\n1 thread [running]: ")
