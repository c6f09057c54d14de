"""`whet attach` on real processes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import types
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from process.harness import PYTHON
from whet.collect.remote.door import load_remote
from whet.collect.remote.process import RemoteProcess
from whet.collect.remote.runtime import find_interpreter
from whet.collect.remote.tables import OFFSETS, SAID
from whet.errors import CollectError
from whet.formats.pprof import decode
from whet.model.profile import Profile

HERE = Path(__file__).parent


def why_not() -> str | None:
    """Return why this interpreter cannot be read from outside, or None."""
    code = "print('ready', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([PYTHON, "-c", code], **pipes) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            RemoteProcess(child.pid).check()
        except CollectError as error:
            return str(error)
        finally:
            child.kill()
    return None


MISSING = why_not()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"cannot attach: {MISSING}")


@contextmanager
def program(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program of this folder that says when it is ready; it is killed in the end."""
    command = [PYTHON, str(HERE / name), *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


def ask(child: subprocess.Popen[str]) -> list[int]:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    return [int(word) for word in child.stdout.readline().split()]


def stacks_of(process: RemoteProcess) -> Iterator[tuple[list[tuple[str, int]], int]]:
    """(function and line, root first; how often it was seen) of all that was counted."""
    rows = list(process.seen())
    nodes, codes = process.nodes(), process.codes()
    for seen in rows:
        stack, node = [], seen.node
        while node >= 0:
            node, code, line = nodes[node]
            stack.append((codes[code][0], line))
        yield stack[::-1], seen.samples


def is_possible(stack: list[tuple[str, int]]) -> bool:
    """Whether a stack can exist in chains_program.py."""
    names = [name for name, _ in stack]
    if names[:1] != ["__main__.<module>"] or (len(names) > 1 and names[1] != "__main__.main"):
        return False
    links = [(name.rpartition(".")[2], line) for name, line in stack[2:]]
    for depth, (name, line) in enumerate(links):
        if name != f"{links[0][0][0]}{depth}":
            return False
        first = 3 * (depth + 8 * (name[0] == "b")) + 1
        is_leaf = depth == len(links) - 1
        if line != first + 1 and not (is_leaf and line == first):
            return False
    return True


def test_stacks_of_short_calls_are_never_torn() -> None:
    with program("chains_program.py", "60") as child:
        process = RemoteProcess(child.pid)
        process.run(2000, 3.0)
    counts: Counter[bool] = Counter()
    for stack, samples in stacks_of(process):
        counts[is_possible(stack)] += samples
        assert is_possible(stack), stack
    statistics = process.statistics()
    print(counts, statistics)
    assert counts[True] > 300
    # What is left out is chosen by the scheduler, not by what the program does; it is next to nothing.
    assert statistics["moved"] + statistics["rejected"] + statistics["unproved"] <= 0.02 * statistics["ticks"]


def test_shares_are_those_of_the_programs_own_clock() -> None:
    with program("work_program.py") as child:
        before = ask(child)
        process = RemoteProcess(child.pid)
        process.run(500, 5.0)
        after = ask(child)
    spent = [b - a for a, b in zip(before, after, strict=True)]
    found: Counter[str] = Counter()
    for stack, samples in stacks_of(process):
        names = [name for name, _ in stack]
        if "__main__.work" in names:
            found.update(
                {name: samples for name in ("half", "third", "fifth") if f"__main__.{name}" in names}
            )
    total = found.total()
    assert total > 200
    for name, own in zip(("half", "third", "fifth"), spent, strict=True):
        share = own / sum(spent)
        # 4.5 standard deviations: once in 100,000 runs.
        tolerance = 4.5 * (share * (1 - share) / total) ** 0.5
        assert abs(found[name] / total - share) < tolerance + 0.01, (name, found, spent)


def test_the_total_is_what_the_threads_clocks_say() -> None:
    with program("work_program.py") as child:
        process = RemoteProcess(child.pid)
        before = ask(child)
        process.run(100, 3.0)
        after = ask(child)
    spent_ns = sum(after) - sum(before)
    counted_ns = sum(seen.cpu_ns for seen in process.seen()) + sum(process.unseen_cpu_ns().values())
    # The program's turns do not hold all that its thread does, and go on a little after the last look.
    assert 0.9 * spent_ns - 50e6 < counted_ns < 1.1 * spent_ns + 50e6


def test_generators_and_coroutines_lie_between_their_callers_and_callees() -> None:
    with program("work_program.py") as child:
        process = RemoteProcess(child.pid)
        process.run(500, 1.0)
    inner = [stack for stack, _ in stacks_of(process) if stack and stack[-1][0] == "__main__.spin"]
    assert inner
    for stack in inner:
        names = [name.removeprefix("__main__.") for name, _ in stack]
        at = names.index("turn")
        rest = ["turn", "awaited", "stepped"]
        assert names[at : at + len(rest)] == rest
        assert names[at + len(rest)] in ("half", "third", "fifth")


@pytest.mark.parametrize("depth", [1000, 5000])
def test_deep_stacks_are_whole(depth: int) -> None:
    with program("work_program.py", "0", str(depth)) as child:
        process = RemoteProcess(child.pid)
        process.run(100, 1.0)
    statistics = process.statistics()
    assert statistics["rejected"] <= 0.02 * statistics["ticks"]
    deep = [stack for stack, _ in stacks_of(process) if ("__main__.spin" in {name for name, _ in stack})]
    assert deep
    for stack in deep:
        assert Counter(name for name, _ in stack)["__main__.deeper"] == depth + 1


def test_what_a_stack_shares_with_the_last_one_is_never_of_code_that_is_gone() -> None:
    with program("remade_program.py", "60") as child:
        process = RemoteProcess(child.pid)
        while process.statistics()["proved"] < 500 and not process.ended():
            process.run(1000, 0.5)
    deep = 0
    for stack, samples in stacks_of(process):
        caller = [name[-1] for name, _ in stack if "call" in name]
        links = [(name[-1], line) for name, line in stack if ".link" in name]
        assert {name for name, _ in links} <= set(caller), stack
        # The innermost one may be about to begin.
        assert {line for _, line in links[:-1]} <= {int(caller[0]) + 2 if caller else 0}, stack
        deep += samples * (len(links) == 41)
    assert deep > 100
    statistics = process.statistics()
    assert statistics["rejected"] <= 0.02 * statistics["ticks"]


def test_chains_of_generators_of_different_lengths_are_whole() -> None:
    code = (
        "def outer(n):\n    yield from outer(n - 1) if n else spin(30)\n"
        "def other(n):\n    yield from other(n - 1) if n else spin(40)\n"
        "def spin(n):\n    for _ in range(n): yield sum(range(500))\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for _ in outer(30): pass\n"
        "    for _ in other(40): pass\n"
    )
    with subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            process = RemoteProcess(child.pid)
            while process.statistics()["proved"] < 300 and not process.ended():
                process.run(1000, 0.5)
        finally:
            child.kill()
    lengths: Counter[tuple[int, int]] = Counter()
    for stack, samples in stacks_of(process):
        names = [name for name, _ in stack]
        if names[-1:] == ["__main__.spin"]:
            lengths[names.count("__main__.outer"), names.count("__main__.other")] += samples
    assert set(lengths) == {(31, 0), (0, 41)}


def test_many_threads_are_all_seen_with_their_state() -> None:
    with program("work_program.py", "200") as child:
        process = RemoteProcess(child.pid)
        process.run(100, 1.0)
        stacks = process.stacks()
    waiting = [s for s in stacks if any(frame[0] == "threading.Event.wait" for frame in s.frames)]
    assert Counter(s.state for s in waiting) == {"lock": 200}
    working = [s for s in stacks if any(frame[0] == "__main__.work" for frame in s.frames)]
    assert len(working) == 1
    assert working[0].native_id not in {s.native_id for s in waiting}


def test_the_table_is_what_the_interpreter_says_of_itself() -> None:
    interpreter = find_interpreter(os.getpid())
    minor = interpreter.version[:2]
    assert interpreter.version == sys.version_info[:3]
    table = {name: OFFSETS[minor][name] for name in SAID.get(minor, {})}
    assert {name: interpreter.layout[name] for name in table} == table
    assert set(interpreter.layout) == set(OFFSETS[3, 11])


def test_lines_are_those_that_python_says() -> None:
    line_of = load_remote().line_of

    def codes(code: types.CodeType) -> Iterator[types.CodeType]:
        yield code
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from codes(constant)

    compared = 0
    for name in ("argparse", "typing", "json.decoder", "this"):
        path = Path(os.__file__).parent / (name.replace(".", "/") + ".py")
        for code in codes(compile(path.read_text("utf-8"), str(path), "exec")):
            for begin, end, line in code.co_lines():
                for offset in range(begin, end, 2):
                    expected = line if line is not None else code.co_firstlineno
                    assert line_of(code.co_linetable, code.co_firstlineno, offset) == expected
                    compared += 1
    assert compared > 10_000


# ---- the command --------------------------------------------------------------------------------


def attach(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "whet", "attach", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=cwd)


@contextmanager
def recorder(pid: int, recording: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A `whet attach` that has been recording for a second."""
    command = [PYTHON, "-m", "whet", "attach", "-d", "200s", *options, "-o", str(recording), str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as attached:
        try:
            while not (recording / "meta.json").exists():
                assert attached.poll() is None
            threading.Event().wait(1.0)
            yield attached
        finally:
            attached.kill()


def labels(profile: Profile, key: str) -> set[str]:
    texts = profile.strings.texts()
    rows = profile.samples.labels
    return {texts[t] for k, t in zip(rows.key.tolist(), rows.text.tolist(), strict=True) if texts[k] == key}


def test_a_recording_holds_profiles_report_and_metadata(tmp_path: Path) -> None:
    with program("work_program.py", "3") as child:
        done = attach("--duration", "2s", "--threads", "-o", str(tmp_path / "rec"), str(child.pid))
    assert done.returncode == 0, done.stderr
    assert "__main__.spin" in done.stderr
    cpu = decode((tmp_path / "rec/cpu.pb.gz").read_bytes())
    wall = decode((tmp_path / "rec/wall.pb.gz").read_bytes())
    assert cpu.sample_type_names() == [("samples", "count"), ("cpu", "nanoseconds")]
    assert wall.sample_type_names() == [("samples", "count"), ("wall", "nanoseconds")]
    assert {"lock", "running"} <= labels(wall, "state")
    assert "holds" in labels(wall, "gil")
    assert len(labels(wall, "thread")) == 5
    meta = json.loads((tmp_path / "rec/meta.json").read_text())
    assert meta["made_by"] == "whet attach"
    assert meta["partial"] is False
    assert meta["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert (tmp_path / "rec/report.html").stat().st_size > 10_000


def test_a_process_that_is_killed_leaves_a_partial_recording(tmp_path: Path) -> None:
    with (
        program("work_program.py", "5") as child,
        recorder(child.pid, tmp_path / "rec", "-r", "1000") as attached,
    ):
        child.kill()
        _, err = attached.communicate(timeout=240)
    assert attached.returncode == 0, err
    assert f"partial: process {child.pid} exited after" in err
    assert json.loads((tmp_path / "rec/meta.json").read_text())["partial"] is True
    assert decode((tmp_path / "rec/cpu.pb.gz").read_bytes()).samples.values.sum() > 0


def test_a_process_that_becomes_another_program_ends_the_recording(tmp_path: Path) -> None:
    code = "import os, time; print('ready', flush=True); time.sleep(3); os.execvp('sleep', ['sleep', '60'])"
    with subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            done = attach("--duration", "60s", "-o", str(tmp_path / "rec"), str(child.pid))
        finally:
            child.kill()
    assert done.returncode == 0, done.stderr
    assert f"partial: process {child.pid} became another program after" in done.stderr


def test_ctrl_c_keeps_what_was_seen(tmp_path: Path) -> None:
    with program("work_program.py") as child, recorder(child.pid, tmp_path / "rec") as attached:
        attached.send_signal(signal.SIGINT)
        _, err = attached.communicate(timeout=240)
    assert attached.returncode == 0, err
    assert "partial: stopped by Ctrl-C" in err
    assert decode((tmp_path / "rec/cpu.pb.gz").read_bytes()).samples.values.sum() > 0


def test_a_dump_tells_all_threads_equal_ones_once() -> None:
    with program("work_program.py", "4") as child:
        text = attach("--dump", str(child.pid)).stdout
        each = attach("--dump=2", str(child.pid)).stdout
        record = json.loads(attach("--dump", "--json", str(child.pid)).stdout)
    assert "threads profile: total 6 threads, 0 tasks" in text
    assert "\n4 threads [lock]: " in text
    assert "#\t__main__.main\t" in text
    assert each.count("\nthread ") == 6
    assert f'\nthread {child.pid} "MainThread" [read]:\n' in each
    assert len(record[0]["threads"]) == 6


def test_the_live_table_shows_the_busiest_functions() -> None:
    parent, terminal = pty.openpty()
    with program("work_program.py") as child:
        command = [PYTHON, "-m", "whet", "attach", "--top", "-d", "3s", str(child.pid)]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
        with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as shown:
            os.close(terminal)
            parts = []
            while part := read_or_end(parent):
                parts.append(part)
            assert shown.wait(timeout=240) == 0
    os.close(parent)
    text = b"".join(parts).decode()
    assert "__main__.spin" in text
    assert "work_program.py" in text
    assert "Ctrl-C ends" in text


def read_or_end(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end of a terminal is closed
        return b""


def test_the_tree_of_processes_is_looked_at_together(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "reads, writes = os.pipe()\n"
        "if os.fork():\n"
        "    os.read(reads, 1)\n"
        "    print('ready', flush=True)\n"
        "elif not os.fork():\n"
        "    os.write(writes, b'x')\n"
        "while True: sum(range(1000))\n"
    )
    with subprocess.Popen(
        [PYTHON, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            done = attach("-d", "2s", "--subprocesses", "-o", str(tmp_path / "rec"), str(child.pid))
        finally:
            os.killpg(child.pid, signal.SIGKILL)
    assert done.returncode == 0, done.stderr
    wall = decode((tmp_path / "rec/wall.pb.gz").read_bytes())
    assert len(labels(wall, "process")) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["4194304"], "there is no process 4194304"),
        (["x"], "'x' is not the number of a process"),
        ([], "whet attach needs one process"),
        (["--rate", "0", "1"], "--rate: 0 does not lie between 1 and 10000"),
        (["--duration", "-1", "1"], "--duration: '-1' is no time"),
        (["--dump", "--top", "1"], "--dump and --top exclude each other"),
        (["--top", "1"], "--top needs a terminal"),
        (["--frobnicate", "1"], "whet attach has no option --frobnicate"),
        (["--heap", "1"], "--heap needs --inject"),
        (["--inject", "--top", "1"], "--inject and --top exclude each other"),
        (["--inject", "--dump", "1"], "--inject and --dump exclude each other"),
        (["--inject", "--rate", "1.5", "1"], "--rate: with --inject it is a whole number"),
        (["--inject", "4194304"], "there is no process 4194304"),
    ],
)
def test_wrong_calls_are_one_line_and_a_hint(arguments: list[str], says: str) -> None:
    done = attach(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"whet: error: {says}")
    assert len(done.stderr.splitlines()) <= 2


def test_a_process_that_is_not_python_is_refused() -> None:
    with subprocess.Popen(["sleep", "100"]) as child:
        done = attach(str(child.pid))
        child.kill()
    assert done.returncode == 2
    assert done.stderr.startswith(f"whet: error: process {child.pid} (sleep) is not Python")
