"""`whet attach --inject`: a program that runs already records itself, and is then as it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from process.harness import PYTHON
from process.remote.test_attach import attach
from whet.formats.pprof import decode

needs_remote_exec = pytest.mark.skipif(
    not hasattr(sys, "remote_exec"), reason="this Python has no sys.remote_exec (3.14)"
)

# Computes, allocates and waits until a line comes; then tells what of whet is left in it.
WORKS = """
import os, signal, sys, threading, time
before = [signal.getsignal(n) for n in range(1, 32) if n not in (9, 19)], os._exit, os.execv, time.sleep
lines = []
threading.Thread(target=lambda: lines.append(sys.stdin.readline()), daemon=True).start()
kept = []
def computes():
    return sum(i * i for i in range(2000))
def allocates():
    kept.append(bytearray(100_000))
    del kept[:-5]
print("ready", flush=True)
while not lines:
    computes()
    allocates()
    time.sleep(0.001)
after = [signal.getsignal(n) for n in range(1, 32) if n not in (9, 19)], os._exit, os.execv, time.sleep
names = {name for name in globals() if name not in ("__builtins__", "__annotations__")}
print(before == after, threading.active_count(), sorted(names), sys.path_hooks is not None, flush=True)
"""


@contextmanager
def working(*flags: str, code: str = WORKS) -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([PYTHON, *flags, "-c", code], text=True, **pipes) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


def left_behind(pid: int) -> list[Path]:
    return list(Path("/tmp").glob(f"whet-{pid}-*"))


@needs_remote_exec
def test_a_running_program_records_itself_and_is_then_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "rec"
    with working() as child:
        done = attach("--inject", "--heap", "--block", "--gc", "-d", "2s", "-o", str(out), str(child.pid))
        assert done.returncode == 0, done.stderr
        told, errors = child.communicate("\n", timeout=60)
    assert errors == ""
    assert told.startswith("True 1 [")
    for name in ("whet", "run", "injected", "error"):
        assert f"'{name}'" not in told
    assert left_behind(child.pid) == []
    meta = json.loads((out / "meta.json").read_text())
    assert meta["made_by"] == "whet attach --inject"
    assert meta["partial"] is False
    assert meta["program"]["pid"] == child.pid
    assert {"cpu.pb.gz", "heap.pb.gz", "block.pb.gz", "wall.pb.gz", "gc.txt"} <= set(meta["files"])
    cpu = decode((out / "cpu.pb.gz").read_bytes())
    heap = decode((out / "heap.pb.gz").read_bytes())
    assert any(text.endswith(".computes") for text in cpu.strings.texts())
    assert any(text.endswith(".allocates") for text in heap.strings.texts())
    assert (out / "report.html").stat().st_size > 10_000


@needs_remote_exec
def test_it_can_be_done_again_and_ended_early(tmp_path: Path) -> None:
    with working() as child:
        first = attach("--inject", "-q", "-d", "300ms", "-o", str(tmp_path / "first"), str(child.pid))
        command = [PYTHON, "-m", "whet", "attach", "--inject", "-d", "200s", "-o", str(tmp_path / "second")]
        with subprocess.Popen([*command, str(child.pid)], stderr=subprocess.PIPE, text=True) as attached:
            while not any((folder / "cpu.pb.gz").exists() for folder in left_behind(child.pid)):
                assert attached.poll() is None
            attached.send_signal(signal.SIGINT)
            _, err = attached.communicate(timeout=240)
        told, _ = child.communicate("\n", timeout=60)
    assert first.returncode == 0, first.stderr
    assert attached.returncode == 0, err
    assert "partial: stopped by Ctrl-C" in err
    assert told.startswith("True 1 [")
    assert json.loads((tmp_path / "first/meta.json").read_text())["partial"] is False
    assert decode((tmp_path / "second/cpu.pb.gz").read_bytes()).samples.values.sum() > 0


@needs_remote_exec
def test_a_program_that_is_killed_leaves_what_it_had_saved(tmp_path: Path) -> None:
    with working() as child:
        command = [PYTHON, "-m", "whet", "attach", "--inject", "-d", "200s", "-o", str(tmp_path / "rec")]
        with subprocess.Popen([*command, str(child.pid)], stderr=subprocess.PIPE, text=True) as attached:
            while not any((folder / "cpu.pb.gz").exists() for folder in left_behind(child.pid)):
                assert attached.poll() is None
            child.kill()
            _, err = attached.communicate(timeout=240)
    assert attached.returncode == 0, err
    assert f"partial: process {child.pid} ended after" in err
    assert left_behind(child.pid) == []


@needs_remote_exec
@pytest.mark.slow  # it waits as long as whet waits
def test_a_main_thread_that_runs_no_python_is_told_and_later_does_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, threading\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print('whet' in sys.modules, flush=True)\n"
    )
    with working(code=code) as child:
        done = attach("--inject", "-d", "1s", "-o", str(tmp_path / "rec"), str(child.pid))
        told, errors = child.communicate("\n", timeout=60)
    assert done.returncode == 2
    assert (
        "its main thread ran no Python for 10 s, so that the collectors were not switched on" in done.stderr
    )
    assert "(it is in __main__.<module>, read)" in done.stderr
    assert (told, errors) == ("False\n", "")
    assert left_behind(child.pid) == []
    assert not (tmp_path / "rec").exists()


@needs_remote_exec
@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_program_that_takes_no_scripts_is_told(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        if how == "environment":
            patch.setenv("PYTHON_DISABLE_REMOTE_DEBUG", "1")
        with working(*(["-X", "disable-remote-debug"] if how == "option" else [])) as child:
            patch.undo()
            done = attach("--inject", "-o", str(tmp_path / "rec"), str(child.pid))
    assert done.returncode == 2
    assert done.stderr.startswith(f"whet: error: process {child.pid} takes no script: ")
    assert "disable-remote-debug" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert left_behind(child.pid) == []
    assert not (tmp_path / "rec").exists()


@pytest.mark.skipif(hasattr(sys, "remote_exec"), reason="this Python has sys.remote_exec")
def test_an_older_python_is_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    with working() as child:
        done = attach("--inject", "-o", str(tmp_path / "rec"), str(child.pid))
    assert done.returncode == 2
    assert "--inject needs 3.14 or later\nhint: without --inject it is recorded from outside" in done.stderr
    assert not (tmp_path / "rec").exists()
