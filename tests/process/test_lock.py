"""`whet lock` with real processes: order, sharing, death of a holder, what is put back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from whet.driver.lock import LockTimeoutError, MachineLock
from whet.driver.quiet import settings_for

LOCK = [sys.executable, "-m", "whet", "lock"]
LONG_S = 120.0


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "WHET_LOCK": str(tmp_path / "lock")}


@pytest.fixture
def start(environment):
    """Start `whet lock` with arguments; all are killed at the end of the test."""
    children: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [*LOCK, *arguments], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        children.append(child)
        return child

    yield begin
    for child in children:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # the command outlives a killed holder
        child.communicate()


@pytest.fixture
def run(environment):
    """Run `whet lock` with arguments to its end."""

    def finish(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*LOCK, *arguments], env={**environment, **changes}, capture_output=True, text=True, check=False
        )

    return finish


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


def tickets(environment: dict[str, str]) -> list[tuple[bool, bool]]:
    """Return (served, shared) of each ticket."""
    lock = MachineLock(Path(environment["WHET_LOCK"]))
    return [(ticket.served, ticket.shared) for ticket in lock.tickets()]


def test_fifty_processes_are_served_in_their_order(environment, start, tmp_path):
    log, gate = tmp_path / "log", tmp_path / "gate"
    os.mkfifo(gate)
    holder = start("cat", str(gate))
    until(lambda: len(tickets(environment)) == 1)
    waiting = []
    for number in range(50):
        waiting.append(start("-q", "sh", "-c", f"echo {number} >> {log}"))
        until(lambda: len(tickets(environment)) == len(waiting) + 1)
    assert tickets(environment) == [(True, False)] + [(False, False)] * 50
    assert not log.exists()
    gate.write_text("go")
    assert [child.wait(LONG_S) for child in [holder, *waiting]] == [0] * 51
    assert log.read_text().split() == [str(number) for number in range(50)]
    assert tickets(environment) == []


def test_killed_holder_frees_the_lock(environment, start, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    holder = start("cat", str(gate))
    until(lambda: len(tickets(environment)) == 1)
    second = start("echo", "served")
    until(lambda: len(tickets(environment)) == 2)
    third = start("true")
    until(lambda: len(tickets(environment)) == 3)
    third.kill()
    until(lambda: len(tickets(environment)) == 2)
    holder.send_signal(signal.SIGKILL)
    out, talk = second.communicate(timeout=LONG_S)
    assert (second.returncode, out) == (0, "served\n")
    assert "waiting for the machine lock behind" in talk
    assert "holds it  exclusive" in talk


def test_shared_run_together_and_an_exclusive_one_is_not_overtaken(environment, start, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    command = ["cat", str(gate)]
    for arguments in (["--shared"], ["--shared"], [], ["--shared"]):
        before = len(tickets(environment))
        start(*arguments, *command)
        until(lambda before=before: len(tickets(environment)) == before + 1)
    assert tickets(environment) == [(True, True), (True, True), (False, False), (False, True)]


def test_waiting_ends_with_the_time_given(environment, start, run):
    start("sleep", "60")
    until(lambda: tickets(environment) == [(True, False)])
    for option in ("--timeout=0.05", "--nonblock"):
        done = run(option, "true")
        assert done.returncode == 124
        assert "whet lock --list" in done.stderr
    assert tickets(environment) == [(True, False)]
    lock = MachineLock(Path(environment["WHET_LOCK"]))
    number = lock.join("x", shared=True)
    with pytest.raises(LockTimeoutError):
        lock.wait(number, shared=True, timeout_s=0)
    lock.leave()


def test_status_output_and_signals_are_the_commands(start, run):
    assert run("sh", "-c", "exit 7").returncode == 7
    assert run("--", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
    assert run("echo", "--list", "x").stdout == "--list x\n"
    child = start("sh", "-c", "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=LONG_S)[0] == "caught\n"
    assert child.returncode == 5


def test_list_names_holder_and_command(environment, start, run):
    start("sleep", "61")
    until(lambda: len(tickets(environment)) == 1)
    shown = run("--list").stdout
    assert "sleep 61" in shown
    listed = run("--list", "--json").stdout
    [ticket] = json.loads(listed)
    assert (ticket["command"], ticket["served"], ticket["shared"]) == ("sleep 61", True, False)


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--timeout"], ["--timeout=soon", "true"], ["--cpus=x", "true"], ["--cpus=0-999999999", "true"],
        ["--governor=200", "true"], ["--shared", "--tune", "true"], ["--what", "true"], ["--list", "true"],
        ["no-such-command-anywhere"],
    ],
)  # fmt: skip
def test_wrong_call_is_one_line_and_status_two(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("whet: error: ")
    assert all(line.startswith("hint: ") for line in lines[1:])


def test_foreign_files_in_the_directory_do_no_harm(environment, run):
    folder = Path(environment["WHET_LOCK"])
    folder.mkdir()
    (folder / "00000007").write_bytes(b"\xff not json")
    (folder / "notes.txt").write_text("x")
    done = run("echo", "ran")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert (folder / "notes.txt").exists()
    done = run("true", WHET_LOCK=str(folder / "notes.txt"))
    assert done.returncode == 2
    assert "WHET_LOCK" in done.stderr


# ---- quieting: on files that look like sysfs ---------------------------------------------------

QUIET = """
import os, sys
from pathlib import Path
from whet.driver.quiet import keep_quiet, settings_for
settings, troubles = settings_for(governor_percent=50, no_turbo=True, sysfs=Path(sys.argv[1]))
with keep_quiet(settings) as more:
    print(troubles + more, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def sysfs(tmp_path):
    cpus = tmp_path / "sys/devices/system/cpu"
    for number in range(2):
        folder = cpus / f"cpu{number}/cpufreq"
        folder.mkdir(parents=True)
        for name, value in [
            ("cpuinfo_min_freq", 800_000), ("cpuinfo_max_freq", 3_200_000),
            ("scaling_min_freq", 800_000), ("scaling_max_freq", 3_000_000 + number),
        ]:  # fmt: skip
            (folder / name).write_text(f"{value}\n")
    (cpus / "intel_pstate").mkdir()
    (cpus / "intel_pstate/no_turbo").write_text("0\n")
    return tmp_path / "sys"


def content(sysfs: Path) -> dict[str, str]:
    return {str(path): path.read_text().strip() for path in sysfs.rglob("*") if path.is_file()}


@pytest.mark.parametrize("killed", [False, True])
def test_machine_is_as_it_was_whatever_the_end(sysfs, killed):
    before = content(sysfs)
    command = [sys.executable, "-c", QUIET, str(sysfs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "[]\n"
        during = content(sysfs)
        assert [during[key] for key in sorted(during) if "scaling" in key] == ["2000000"] * 4
        assert [during[key] for key in during if "no_turbo" in key] == ["1"]
        if killed:
            child.kill()
            child.wait(LONG_S)
            until(lambda: content(sysfs) == before)
        else:
            child.communicate("\n", timeout=LONG_S)
            assert child.returncode == 0
    assert content(sysfs) == before


def test_what_cannot_be_quieted_is_said(tmp_path):
    settings, troubles = settings_for(governor_percent=90, no_turbo=True, sysfs=tmp_path)
    assert settings == []
    assert [trouble.split(":")[0] for trouble in troubles] == ["turbo", "governor"]


def test_command_runs_on_the_cpus_named(run):
    cpu = min(os.sched_getaffinity(0))
    code = "import os; print(os.sched_getaffinity(0)); print(open('/proc/self/personality').read())"
    done = run(f"--cpus={cpu}", "--no-aslr", sys.executable, "-c", code)
    assert done.stdout.split() == [f"{{{cpu}}}", "00040000"]
