"""`whet attach` on processes that are not ordinary: in other namespaces, stripped, of others, no Python."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from process.harness import PYTHON
from process.remote.test_attach import HERE, MISSING, attach, program
from whet.collect.remote.process import RemoteProcess
from whet.driver import attach as driver
from whet.errors import CollectError
from whet.formats.pprof import decode

pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"cannot attach: {MISSING}")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def why_no_namespaces() -> str:
    """Return why no process can be started in namespaces of its own, or ''."""
    try:
        command = ["unshare", "--fork", "--pid", "--mount-proc", "true"]
        return subprocess.run(command, capture_output=True, text=True).stderr.strip()
    except OSError as error:
        return str(error)


NO_NAMESPACES = why_no_namespaces()
needs_namespaces = pytest.mark.skipif(NO_NAMESPACES != "", reason=f"no namespaces: {NO_NAMESPACES}")

# Waits where everybody can see it: in a function of its own, for the end of its input.
WAITS = "import sys\ndef waits():\n    print('ready', flush=True)\n    sys.stdin.read()\nwaits()"


@contextmanager
def started(*command: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """Start a command that says when it is ready; it ends with its input."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **options}
    with subprocess.Popen(command, text=True, **pipes) as child:  # type: ignore[call-overload]
        try:
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


def leaf(pid: int) -> str:
    """Return the innermost function of the only thread."""
    process = RemoteProcess(pid)
    process.check()
    (stack,) = process.stacks()
    return stack.frames[0][0]


def only_child(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def refused(pid: int) -> str:
    done = attach(str(pid))
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= 2
    return done.stderr.removeprefix("whet: error: ")


# ---- where it runs -------------------------------------------------------------------------------


@needs_namespaces
def test_a_process_in_other_pid_and_mount_namespaces_is_read() -> None:
    with started("unshare", "--fork", "--pid", "--mount-proc", PYTHON, "-c", WAITS) as outer:
        inner = only_child(outer.pid)
        assert leaf(inner) == "__main__.waits"
        assert RemoteProcess(inner).interpreter.pid == inner
        os.kill(inner, 9)


@needs_namespaces
def test_the_file_of_an_interpreter_that_only_its_namespace_has_is_found(tmp_path: Path) -> None:
    hidden = tmp_path / "only-there"
    hidden.mkdir()
    mount = (
        'mount -t tmpfs none "$1" && cp "$2" "$1/name-of-no-python" && exec "$1/name-of-no-python" -c "$3"'
    )
    real = str(Path(PYTHON).resolve())
    script = ["sh", "-c", mount, "sh", str(hidden), real, WAITS]
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    with started("unshare", "--mount", "--propagation", "private", *script, env=environment) as child:
        assert not any(hidden.iterdir())
        assert leaf(child.pid) == "__main__.waits"


@needs_root
def test_a_cpu_that_is_not_ours_to_go_to_leaves_no_torn_stacks(tmp_path: Path) -> None:
    group = Path(f"/sys/fs/cgroup/cpuset/whet-test-{os.getpid()}")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("needs two CPUs")
    try:
        group.mkdir()
        (group / "cpuset.cpus").write_text(str(cpus[1]))
        (group / "cpuset.mems").write_text("0")
    except OSError as error:
        pytest.skip(f"no cpuset to be had: {error}")
    code = (
        "import os, sys; from whet.collect.remote.process import RemoteProcess; "
        "from process.remote.test_attach import is_possible, stacks_of\n"
        f"open('{group}/tasks', 'w').write(str(os.getpid()))\n"
        "process = RemoteProcess(int(sys.argv[1])); process.run(1000, 1.0)\n"
        "bad = [stack for stack, _ in stacks_of(process) if not is_possible(stack)]\n"
        "print(bad, process.statistics()['proved'], process.statistics()['unproved'] > 0)"
    )
    try:
        with program("chains_program.py", "60") as child:
            os.sched_setaffinity(child.pid, {cpus[0]})
            done = subprocess.run(
                [PYTHON, "-c", code, str(child.pid)],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=HERE.parent.parent,
            )
    finally:
        group.rmdir()
    assert done.stdout == "[] 0.0 True\n", done.stderr


# ---- how it was built ----------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("strip") is None, reason="no strip")
def test_a_stripped_interpreter_by_another_name_is_read(tmp_path: Path) -> None:
    binary = tmp_path / "renamed-app"
    shutil.copy(Path(PYTHON).resolve(), binary)
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    name = sysconfig.get_config_var("INSTSONAME") or ""
    library = Path(sysconfig.get_config_var("LIBDIR") or "", name)
    if name.endswith(".a") or not library.is_file():
        stripped = binary
    else:
        stripped = Path(shutil.copy(library, tmp_path))
        environment["LD_LIBRARY_PATH"] = str(tmp_path)
    subprocess.run(["strip", "--strip-all", str(stripped)], check=True)
    with started(str(binary), "-c", WAITS, env=environment) as child:
        assert leaf(child.pid) == "__main__.waits"
        # As after an upgrade of the package, with nothing or something else at its place.
        stripped.unlink()
        if os.geteuid() == 0 or stripped == binary:
            assert leaf(child.pid) == "__main__.waits"
        else:
            assert "were replaced or removed since it started" in refused(child.pid)


def test_a_program_with_python_inside_is_read(tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    library = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("LDLIBRARY") or "?")
    if compiler is None or not library.is_file() or library.suffix != ".so":
        pytest.skip("no C compiler, or no shared library of this Python")
    source = tmp_path / "embeds.c"
    source.write_text(
        "#include <Python.h>\nint main(int count, char **words) {\n"
        "    Py_Initialize();\n    return PyRun_SimpleString(words[count - 1]);\n}\n"
    )
    folder = sysconfig.get_path("include")
    binary = str(tmp_path / "embeds")
    more = [f"-I{folder}", str(library), f"-Wl,-rpath,{library.parent}"]
    subprocess.run([compiler, str(source), "-o", binary, *more], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    with started(binary, WAITS, env=environment) as child:
        assert leaf(child.pid).endswith("waits")


# ---- what becomes of it --------------------------------------------------------------------------


def test_another_program_at_the_same_addresses_is_told_from_the_first_one() -> None:
    if shutil.which("setarch") is None:
        pytest.skip("no setarch")
    again = WAITS.replace("waits", "later")
    first = (
        "import os, sys\ndef waits():\n    print('ready', flush=True)\n    sys.stdin.readline()\nwaits()\n"
        f"os.execv(sys.executable, [sys.executable, '-c', {again!r}])"
    )
    with started("setarch", os.uname().machine, "-R", PYTHON, "-c", first) as child:
        process = RemoteProcess(child.pid)
        process.check()
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "ready\n"
        process.run(100, 60.0)
        assert process.ended() == "became another program"
        assert {name for name, _, _ in process.codes()} == {"__main__.waits", "__main__.<module>"}
        # What it is now can be looked at like any other.
        assert RemoteProcess(child.pid).interpreter.runtime == process.interpreter.runtime
        assert leaf(child.pid) == "__main__.later"


def test_a_process_that_forks_is_looked_at_and_its_children_are_not() -> None:
    code = (
        "import os, time\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    if not os.fork(): os._exit(sum(range(20)) and 0)\n"
        "    os.wait()\n"
    )
    with started(PYTHON, "-c", code) as child:
        process = RemoteProcess(child.pid)
        process.run(500, 1.0)
        assert process.ended() == ""
    assert {number for number, _ in process.thread_names()} == {child.pid}
    assert process.statistics()["ticks"] > 0


def test_a_process_that_is_stopped_is_read_and_said_to_be_stopped() -> None:
    with started(PYTHON, "-c", WAITS) as child:
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        process = RemoteProcess(child.pid)
        process.check()
        (stack,) = process.stacks()
        assert (stack.frames[0][0], stack.state) == ("__main__.waits", "stopped")


def test_a_process_that_is_killed_and_not_reaped_has_exited() -> None:
    with started(PYTHON, "-c", WAITS) as child:
        process = RemoteProcess(child.pid)
        process.check()
        child.kill()
        process.run(100, 60.0)
        assert process.ended() == "exited"


def test_of_a_process_that_ended_no_file_stays_open() -> None:
    before = list(Path("/proc/self/fd").iterdir())
    with started(PYTHON, "-c", WAITS) as child:
        process = RemoteProcess(child.pid)
        process.check()
        child.kill()
        process.run(100, 60.0)
    assert {name for name, _, _ in process.codes()} == {"__main__.waits", "__main__.<module>"}
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)


def test_children_that_end_before_they_are_looked_at_are_counted_and_no_reason_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen([PYTHON, "-c", "pass"]) as ended, started(PYTHON, "-c", WAITS) as child:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        monkeypatch.setattr(driver, "_descendants", lambda _pid: [ended.pid])
        attachment = driver.attach(child.pid, subprocesses=True)
    assert [process.pid for process in attachment.processes] == [child.pid]
    assert attachment.refused == {}
    assert attachment.short_lived == 1


def test_a_single_look_tells_no_share_of_time(tmp_path: Path) -> None:
    with started(PYTHON, "-c", WAITS) as child:
        attachment = driver.attach(child.pid, subprocesses=False)
    outcome = driver.record(
        attachment,
        rate_hz=100,
        duration_s=1.0,
        budget_share=0.05,
        directory=str(tmp_path / "recording"),
        progress=lambda _elapsed_s: None,
    )
    assert driver.reached_hz(attachment) == 0.0
    comments = decode((Path(outcome.directory) / "cpu.pb.gz").read_bytes()).comment_texts()
    shares = [float(text.split("=")[1]) for text in comments if "overhead_share" in text]
    assert len(shares) == 1
    assert 0 < shares[0] < 10


class NeverStill:
    """A sampler that always comes too late."""

    looks = 0

    def look(self) -> bool:
        self.looks += 1
        return True

    def last(self) -> list[object]:
        return [()]

    def statistics(self) -> dict[str, float]:
        return {"moved": self.looks}


def test_a_process_that_never_stands_still_is_refused_by_that_reason() -> None:
    with started(PYTHON, "-c", WAITS) as child:
        process = RemoteProcess(child.pid)
    process._sampler = NeverStill()
    with pytest.raises(CollectError, match="did not stand still at any of 50 looks"):
        process.check()


# ---- what cannot be read -------------------------------------------------------------------------


def test_a_zombie_is_refused_by_that_name() -> None:
    with subprocess.Popen([PYTHON, "-c", "pass"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        text = refused(child.pid)
    assert text.startswith(
        f"process {child.pid} has ended: it is a zombie\nhint: its parent, process {os.getpid()},"
    )


def test_a_thread_of_the_kernel_is_refused_by_that_name() -> None:
    try:
        name = Path("/proc/2/comm").read_text()
    except OSError:
        name = ""
    if name != "kthreadd\n":
        pytest.skip("no threads of the kernel to be seen here")
    assert refused(2) == "process 2 is a thread of the kernel: it runs no Python\n"


def test_the_looking_process_itself_is_refused() -> None:
    code = (
        "import os, runpy, sys; sys.argv = ['whet', 'attach', str(os.getpid())]; "
        "runpy.run_module('whet', run_name='__main__')"
    )
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "is this one\nhint: whet.dump_threads()" in done.stderr


def test_a_threads_number_stands_for_its_process() -> None:
    with program("work_program.py", "2") as child:
        threads = sorted(int(path.name) for path in Path(f"/proc/{child.pid}/task").iterdir())
        assert threads[0] == child.pid
        done = attach("--dump=2", str(threads[-1]))
    assert done.stdout.startswith(f"process {child.pid}: ")
    assert f'thread {child.pid} "MainThread"' in done.stdout


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv")
def test_who_may_not_trace_is_told_whose_it_is_and_what_helps() -> None:
    code = (
        "import os, sys; from whet.collect.remote.process import RemoteProcess; "
        "from whet.errors import WhetError\n"
        "nobody = (65534,) * 3\n"
        "if sys.argv[2:]: os.setgroups([]); os.setresgid(*nobody); os.setresuid(*nobody)\n"
        "try: RemoteProcess(int(sys.argv[1]))\n"
        "except WhetError as e: print(e, '|', e.hint)"
    )
    without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    with program("work_program.py") as child:
        pid = str(child.pid)
        of_root = subprocess.run(
            [*without, PYTHON, "-c", code, pid], capture_output=True, text=True, timeout=60
        )
        of_nobody = subprocess.run([PYTHON, "-c", code, pid, "x"], capture_output=True, text=True, timeout=60)
    assert of_root.stdout.startswith(f"process {pid} may not be read: it has more rights than this one")
    assert "CAP_SYS_PTRACE" in of_root.stdout
    assert of_nobody.stdout.startswith(
        f"process {pid} belongs to user root (0) and may not be read by user nobody"
    )
    assert "| sudo whet attach" in of_nobody.stdout


def test_looks_that_cost_more_than_they_may_become_fewer() -> None:
    with program("work_program.py", "100", "500") as child:
        free, bounded = RemoteProcess(child.pid), RemoteProcess(child.pid)
        free.run(200, 0.3)
        bounded.run(200, 2.0, 0.01)
    assert free.statistics()["slowed_ns"] == 0
    assert bounded.statistics()["slowed_ns"] > 0
    # 400 were asked for; a slower machine makes them fewer still.
    assert bounded.statistics()["ticks"] < 200
