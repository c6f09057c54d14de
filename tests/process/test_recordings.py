"""What `whet run` leaves behind and says, however the program ends."""

import errno
import os
import pty
import select
import signal
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from process.harness import PROGRAMS, PYTHON, assert_same, meta, needs_collector, run, whet_run
from whet.formats.pprof import decode
from whet.model.profile import Profile

pytestmark = needs_collector

BUSY = "import sys\ndef work(n):\n    return sum(i * i for i in range(n))\nwork(2_000_000)\n"
SPIN = "print('ready', flush=True)\nx = 0\nwhile True:\n    x += 1\n"
WAIT_S = 120


def profile(recording: Path) -> Profile:
    return decode((recording / "cpu.pb.gz").read_bytes())


def function_names(recording: Path) -> set[str]:
    p = profile(recording)
    return {p.strings.text(i).rpartition(".")[2] for i in p.functions.name}


def start(
    target: list[str], recording: Path, *options: str, quiet: bool = False
) -> "subprocess.Popen[bytes]":
    command = whet_run(target, recording, *options)
    if not quiet:
        command.remove("-q")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=recording.parent)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def until(condition: Any) -> None:
    give_up = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_recording_holds_profile_report_and_metadata(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    done = run([PYTHON, "-m", "whet", "run", "-o", str(rec), "--rate", "1000", "-c", BUSY, "x"], cwd=tmp_path)
    assert done.status == 0
    assert done.out == b""
    assert "work" in function_names(rec)
    facts = meta(rec)
    assert facts["schema"] == "whet.recording/1"
    assert facts["partial"] is False
    assert facts["program"]["command"][1:] == ["-c", BUSY, "x"]
    assert facts["program"]["exit_status"] == 0
    assert facts["program"]["wall_ns"] >= facts["session"]["recorded_ns"] > 0
    assert facts["cpu"]["rate_hz"] == 1000
    assert (
        facts["cpu"]["statistics"]["samples"] == len(profile(rec).samples)
        or facts["cpu"]["statistics"]["samples"]
    )
    assert facts["summary"]["cpu"]["boxes"][0]["name"].startswith("<string>.work")
    assert facts["files"]["cpu.pb.gz"] == (rec / "cpu.pb.gz").stat().st_size
    assert {p.name for p in rec.iterdir()} == {"cpu.pb.gz", "meta.json", "report.html"}
    said = done.err.decode()
    assert "<string>.work" in said
    assert f"whet: recording in {rec}" in said


def test_default_directory_is_new_and_named_after_the_program(tmp_path: Path) -> None:
    (tmp_path / "my prog.py").write_text("")
    for _ in range(2):
        done = run([PYTHON, "-m", "whet", "run", "-q", "--no-report", "my prog.py"], cwd=tmp_path)
        assert done.status == 0
    names = sorted(p.name for p in tmp_path.iterdir() if p.is_dir())
    assert len(names) == 2
    assert all(name.startswith("whet-2") and "my_prog" in name for name in names)


def test_quiet_says_nothing(tmp_path: Path) -> None:
    done = run(whet_run(["-c", "pass"], tmp_path / "rec"), cwd=tmp_path)
    assert (done.status, done.out, done.err) == (0, b"", b"")


def test_older_recording_is_replaced(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    for code in ("import sys; sys.exit(1)", "import sys; sys.exit(5)"):
        run(whet_run(["-c", code], rec), cwd=tmp_path)
        (rec / "notes.txt").write_text("mine")
    assert meta(rec)["program"]["exit_status"] == 5
    assert (rec / "notes.txt").read_text() == "mine"


BAD_CALLS = [
    (["-o", "full", "-c", "pass"], "full: not empty and not a recording"),
    (["-o", "file", "-c", "pass"], "file: cannot write a recording"),
    (["-o", "/proc/nowhere/rec", "-c", "pass"], "cannot write a recording: no such file or directory"),
    (["nothing.py"], "nothing.py: no such script"),
    ([], "no program to run"),
    (["-m"], "-m needs a value"),
    (["--rate", "0", "-c", "pass"], "--rate: 0 is not a whole number from 1 to 10000"),
    (["--rate=1e9", "-c", "pass"], "--rate: 1e9 is not"),
    (["--rate", "x", "-c", "pass"], "--rate: 'x' is not a number"),
    (["--rate", "nan", "-c", "pass"], "--rate: nan is not"),
    (["--duration", "-1", "-c", "pass"], "--duration: -1 is not a positive number of seconds"),
    (["--duration"], "--duration needs a value"),
    (["--colour", "x.py"], "whet run has no option --colour"),
]


@pytest.mark.parametrize(
    ("arguments", "text"), BAD_CALLS, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_bad_call_is_one_line_and_the_program_is_not_run(
    arguments: list[str], text: str, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/other.txt").write_text("theirs")
    (tmp_path / "file").write_text("theirs")
    done = run([PYTHON, "-m", "whet", "run", *arguments], cwd=tmp_path)
    lines = done.err.decode().splitlines()
    assert done.status == 2
    assert lines[0].startswith("whet: error: ")
    assert text in lines[0]
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "full"]
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["other.txt"]


@pytest.mark.parametrize("flag", ["-I", "-E"])
def test_flags_that_keep_the_collector_out_are_refused(flag: str, tmp_path: Path) -> None:
    done = run([PYTHON, flag, "-m", "whet", "run", "-o", "rec", "-c", "pass"], cwd=tmp_path)
    assert done.status == 2
    assert f"{flag} keeps the collector out of the program" in done.err.decode()
    assert list(tmp_path.iterdir()) == []


def test_option_words_after_the_program_are_the_programs(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "whet", "run", "--rate=50", "-o", str(tmp_path / "rec"), "--no-report", "-q"]
    done = run([*command, "-cimport sys; print(sys.argv)", "--rate", "-o", "--", "-q"], cwd=tmp_path)
    assert done.out == b"['-c', '--rate', '-o', '--', '-q']\n"
    assert meta(tmp_path / "rec")["cpu"]["rate_hz"] == 50


def test_killed_program_leaves_what_was_saved(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    process = start(["-c", SPIN], rec)
    until(lambda: '"saves": 1' in (rec / ".session.json").read_text())
    os.kill(child_of(process.pid), signal.SIGKILL)
    _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == -signal.SIGKILL
    assert b"partial: the program was killed by signal 9; the recording holds its first 1." in said
    facts = meta(rec)
    assert facts["partial"] is True
    assert facts["program"]["signal"] == signal.SIGKILL
    assert facts["program"]["exit_status"] is None
    assert len(profile(rec).samples) > 0


@pytest.mark.parametrize(
    "call", ["os.kill(os.getpid(), signal.SIGKILL)", "signal.raise_signal(signal.SIGTERM)"]
)
def test_program_that_kills_itself_is_recorded_to_its_end(call: str, tmp_path: Path) -> None:
    code = f"import os, signal\n{BUSY}{call}"
    done = run(whet_run(["-c", code], tmp_path / "rec", "--rate", "1000"), cwd=tmp_path)
    assert done.status in (-signal.SIGKILL, -signal.SIGTERM)
    assert not meta(tmp_path / "rec")["partial"]
    assert "work" in function_names(tmp_path / "rec")


def test_signal_that_the_program_raises_and_handles_is_its_own(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('handled'))\n"
        "signal.raise_signal(signal.SIGTERM)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    assert_same(["-c", code], tmp_path)


def test_program_killed_before_the_first_save_is_told_so(tmp_path: Path) -> None:
    code = "import os, subprocess; subprocess.run(['kill', '-9', str(os.getpid())])"
    command = whet_run(["-c", code], tmp_path / "rec")
    command.remove("-q")
    done = run(command, cwd=tmp_path)
    assert done.status == -signal.SIGKILL
    assert done.err.decode() == "whet: partial: the program was killed by signal 9; there is no profile\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGALRM"])
def test_deadly_signal_is_passed_on_after_a_last_save(name: str, tmp_path: Path) -> None:
    rec, number = tmp_path / "rec", getattr(signal, name)
    process = start(["-c", SPIN], rec)
    process.send_signal(number)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == -number
    facts = meta(rec)
    assert facts["program"]["signal"] == number
    assert facts["session"]["saves"] >= 1
    assert 0 < facts["session"]["recorded_ns"] <= facts["program"]["wall_ns"]
    assert (rec / "cpu.pb.gz").exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2", "SIGWINCH", "SIGRTMIN"])
def test_signal_that_the_program_handles_reaches_it(name: str, tmp_path: Path) -> None:
    rec, number = tmp_path / "rec", getattr(signal, name)
    process = start([str(PROGRAMS / "waits.py"), name], rec)
    process.send_signal(number)
    out, _ = process.communicate(timeout=WAIT_S)
    assert out == f"got {int(number)}\n".encode()
    assert process.returncode == number
    assert meta(rec)["partial"] is False


def test_interrupted_program_is_recorded_to_its_end(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    process = start(["-c", SPIN], rec, quiet=True)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=WAIT_S)
    assert said.decode().splitlines()[-1].startswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT
    assert meta(rec)["partial"] is False


def on_a_terminal(command: list[str], directory: Path) -> tuple[int, int]:
    """Start a command on a terminal of its own; return its process and our end of the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child does nothing but exec
        pid, master = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execv(command[0], command)
    return pid, master


def test_key_of_the_terminal_reaches_the_program_once(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    code = (
        "import signal, sys, time\n"
        "count = []\n"
        "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
        "print('ready', flush=True)\n"
        "while not count: time.sleep(0.05)\n"
        "time.sleep(0.3)\n"
        "print('count', len(count), flush=True)\n"
    )
    pid, master = on_a_terminal(whet_run(["-c", code], rec), tmp_path)
    text = b""
    pressed = False
    while select.select([master], [], [], WAIT_S)[0]:
        try:
            block = os.read(master, 1024)
        except OSError:
            break
        text += block
        if b"ready" in text and not pressed:
            os.write(master, b"\x03")
            pressed = True
        if not block:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(master)
    assert b"count 1\r\n" in text


def test_stopping_and_continuing_go_together_on_a_terminal(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    code = "import os\nprint('ready', flush=True)\ninput()\nprint('went on', flush=True)\n"
    pid, master = on_a_terminal(whet_run(["-c", code], rec), tmp_path)
    text = b""
    while b"ready" not in text:
        text += os.read(master, 1024)
    program = child_of(pid)
    os.kill(program, signal.SIGSTOP)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(pid, signal.SIGCONT)
    until(lambda: Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[0] != "T")
    os.write(master, b"\n")
    while b"went on" not in text:
        text += os.read(master, 1024)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(master)


def test_duration_ends_the_recording_and_not_the_program(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    code = (
        "import glob, time\n"
        "def name(path):\n    try: return open(path).read()\n    except OSError: return ''  # it has ended\n"
        # The list of threads may lack one while another ends.
        "def sampled():\n"
        "    tasks = [p for _ in range(3) for p in glob.glob('/proc/self/task/*/comm')]\n"
        "    return any('whet-' in name(p) for p in tasks)\n"
        "def early():\n    while sampled(): pass\n"
        "def late():\n    end = time.thread_time() + 0.2\n    while time.thread_time() < end: pass\n"
        # The thread gets its name as it begins.
        "any(sampled() for _ in range(1000))\n"
        "early(); late(); print('done')\n"
    )
    done = run(whet_run(["-c", code], rec, "--duration", "0.3"), cwd=tmp_path)
    assert done.out == b"done\n"
    facts = meta(rec)
    assert facts["partial"] is False
    assert facts["session"]["ended"] == "duration"
    assert facts["session"]["duration_limit_s"] == 0.3
    assert 0.3e9 <= facts["session"]["recorded_ns"] < facts["program"]["wall_ns"]
    assert "early" in function_names(rec)
    assert "late" not in function_names(rec)


def test_program_that_becomes_another_one_is_partial(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    code = BUSY + "import os; os.execvp('sh', ['sh', '-c', 'exit 4'])"
    done = run(whet_run(["-c", code], rec), cwd=tmp_path)
    assert done.status == 4
    assert meta(rec)["partial_reason"] == "the program became another one by exec"
    assert "work" in function_names(rec)


def test_daemon_does_its_work_after_the_recording_is_done(tmp_path: Path) -> None:
    rec, flag = tmp_path / "rec", tmp_path / "flag"
    done = run(whet_run([str(PROGRAMS / "daemonises.py"), str(flag)], rec), cwd=tmp_path)
    assert done.status == 0
    assert meta(rec)["partial"] is False
    before = (rec / "cpu.pb.gz").read_bytes()
    until(flag.exists)
    assert (rec / "cpu.pb.gz").read_bytes() == before


def test_removed_recording_is_told_and_the_status_kept(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    code = f"import shutil, sys; shutil.rmtree({str(rec)!r}); sys.exit(3)"
    command = whet_run(["-c", code], rec)
    command.remove("-q")
    done = run(command, cwd=tmp_path)
    assert done.status == 3
    lines = done.err.decode().splitlines()
    assert f"whet: {rec}: cannot write the recording: no such file or directory" in lines
    assert not any("Traceback" in line for line in lines)


def test_full_disk_is_told_and_the_status_kept(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        code = (
            "import sys\ntry:\n"
            f"    with open({str(place / 'fill')!r}, 'wb', 0) as f:\n"
            "        while True: f.write(bytes(512))\n"
            f"except OSError as e:\n    assert e.errno == {errno.ENOSPC}\nsys.exit(3)\n"
        )
        command = whet_run(["-c", code], place / "rec")
        command.remove("-q")
        done = run(command, cwd=tmp_path)
        assert done.status == 3
        assert "no space left on device" in done.err.decode()
        assert "Traceback" not in done.err.decode()
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_files_of_the_session_are_never_seen_half_written(tmp_path: Path) -> None:
    rec = tmp_path / "rec"
    process = start(["-c", SPIN], rec, "--rate", "2000", quiet=True)
    until((rec / "cpu.pb.gz").exists)
    for _ in range(20):
        profile(rec)
        (rec / ".checkpoint").touch()
        until(lambda: not (rec / ".checkpoint").exists())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_S)
    assert meta(rec)["session"]["saves"] >= 21
    assert not list(rec.glob("*.tmp"))
