"""A program under `whet run` behaves as under plain `python`."""

import os
import pty
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from process.harness import PROGRAMS, PYTHON, assert_same, needs_collector, run, whet_run

pytestmark = needs_collector

EXITS = [
    ["status", "0"],
    ["status", "1"],
    ["status", "3"],
    ["status", "256"],
    ["text"],
    ["none"],
    ["object"],
    ["raise"],
    ["chained"],
    ["_exit"],
    ["interrupt"],
    ["signal", str(int(signal.SIGKILL))],
    ["signal", str(int(signal.SIGTERM))],
    ["signal", str(int(signal.SIGSEGV))],
    ["abort"],
    ["exec"],
    ["thread_exit"],
    ["thread_raises"],
    ["atexit_raises"],
    ["atexit_exits"],
    ["systemexit_subclass"],
    ["nothing"],
]


def by_editable_install(tmp_path: Path) -> set[str]:
    """Return what an editable install's import hook loads to find a compiled module."""
    code = "import importlib.machinery, importlib.util, sys; print(*sys.modules)"
    return set(run([PYTHON, "-c", code], cwd=tmp_path).out.decode().split())


def program(name: str) -> str:
    return str(PROGRAMS / f"{name}.py")


@pytest.mark.parametrize("how", EXITS, ids="-".join)
def test_every_end_is_the_programs_own(how: list[str], tmp_path: Path) -> None:
    assert_same([program("exits"), *how], tmp_path)


def test_exec_that_fails_raises_as_ever(tmp_path: Path) -> None:
    assert_same([program("exits"), "exec_fails"], tmp_path)


@pytest.mark.parametrize("path", [None, "", "/nowhere", "/nowhere:", ":/nowhere"])
def test_program_sees_itself_started_as_by_python(path: str | None, tmp_path: Path) -> None:
    env = {} if path is None else {"PYTHONPATH": path}
    assert_same([program("identity"), "-o", "--rate", "-m", "ä", ""], tmp_path, env=env)


def test_interpreter_flags_are_the_programs(tmp_path: Path) -> None:
    flags = ("-X", "utf8", "-W", "error::UserWarning", "-OBb")
    assert_same([program("identity")], tmp_path, flags=flags)


def test_code_and_module_forms(tmp_path: Path) -> None:
    code = (PROGRAMS / "identity.py").read_text() + "\n1/0\n"
    assert_same(["-c", code, "a b"], tmp_path)


@pytest.mark.parametrize("arguments", [[], ["fail"]])
def test_package_with_relative_imports(arguments: list[str], tmp_path: Path) -> None:
    assert_same(["-m", "package", *arguments], tmp_path, env={"PYTHONPATH": str(PROGRAMS)})


def test_missing_module_is_reported_by_python(tmp_path: Path) -> None:
    assert_same(["-m", "no_such_module_anywhere"], tmp_path)


def test_syntax_error_is_reported_by_python(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    assert_same([str(broken)], tmp_path)


def test_directory_and_zip_file_with_main(tmp_path: Path) -> None:
    directory = tmp_path / "app"
    directory.mkdir()
    source = (PROGRAMS / "identity.py").read_text()
    (directory / "__main__.py").write_text(source)
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", source + "1/0\n")
    for number, target in enumerate([directory, archive]):
        place = tmp_path / str(number)
        place.mkdir()
        assert_same([str(target), "x"], place)


def test_standard_input_reaches_the_program(tmp_path: Path) -> None:
    assert_same([program("standard_input")], tmp_path, stdin=b"first\n" + b"x" * 100_000)


def test_program_is_read_from_standard_input(tmp_path: Path) -> None:
    assert_same(["-", "a"], tmp_path, stdin=b"import sys; print(sys.argv, __name__)")


def test_terminal_is_the_programs(tmp_path: Path) -> None:
    def on_terminal(command: list[str]) -> bytes:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, start_new_session=True
        )
        os.close(slave)
        os.write(master, b"hello\n\x04")
        text = b""
        try:
            while block := os.read(master, 4096):
                text += block
        except OSError:
            pass  # the last one closed the terminal
        os.close(master)
        process.wait(60)
        return text

    target = [program("standard_input")]
    plain = on_terminal([PYTHON, *target])
    assert b"[True, True, True]" in plain
    assert on_terminal(whet_run(target, tmp_path / "rec")) == plain


def test_runpy_inside(tmp_path: Path) -> None:
    assert_same([program("runs_inside")], tmp_path, env={"PYTHONPATH": str(PROGRAMS)})


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(method: str, tmp_path: Path) -> None:
    assert_same([program("processes"), method], tmp_path)


def test_forks_and_subprocesses(tmp_path: Path) -> None:
    facts = assert_same([program("forks")], tmp_path)
    assert facts["partial"] is False


def test_fork_does_not_warn_of_our_threads(tmp_path: Path) -> None:
    code = "import os\nfor _ in range(20):\n    os.waitpid(os.fork() or os._exit(0), 0)\nprint('ok')"
    assert_same(["-c", code], tmp_path, env={"PYTHONWARNINGS": "error"})


def test_threads_and_signals_look_as_ever(tmp_path: Path) -> None:
    assert_same([program("threads")], tmp_path)


@pytest.mark.parametrize("module", ["unittest", "pytest"])
def test_test_runners(module: str, tmp_path: Path) -> None:
    target = {
        "unittest": ["-m", "unittest", "-q", "nosuch"],
        "pytest": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--durations=0", "-s"],
    }[module]
    # Both print how long it took, so the status is compared and a stable part of the output.
    place = [program("sample_tests")] if module == "pytest" else []
    plain = run([PYTHON, *target, *place], cwd=tmp_path)
    recorded = run(whet_run([*target, *place], tmp_path / "rec"), cwd=tmp_path)
    assert recorded.status == plain.status
    assert recorded.out.splitlines()[:1] == plain.out.splitlines()[:1]


@pytest.mark.parametrize("what", [["stdout"], ["stderr"], ["stdin"], ["stdin", "stdout", "stderr"], ["all"]])
def test_closed_descriptors(what: list[str], tmp_path: Path) -> None:
    facts = assert_same([program("closes"), *what], tmp_path)
    assert facts["partial"] is False


def test_program_that_removes_its_directory(tmp_path: Path) -> None:
    source = (PROGRAMS / "moves_away.py").read_text()
    statuses = []
    for command in ([PYTHON], whet_run([], tmp_path / "rec")):
        place = tmp_path / "place"
        place.mkdir()
        (place / "moves_away.py").write_text(source)
        statuses.append(run([*command, "moves_away.py"], cwd=place))
        assert not place.exists()
    assert statuses[0] == statuses[1]


def test_modules_loaded_into_the_program_are_few_and_light(tmp_path: Path) -> None:
    plain = run([PYTHON, program("modules")], cwd=tmp_path).out.decode().split()
    recorded = run(whet_run([program("modules")], tmp_path / "rec"), cwd=tmp_path).out.decode().split()
    assert set(plain) <= set(recorded)
    added = set(recorded) - set(plain)
    foreign = {name for name in added if name.split(".")[0] != "whet"}
    assert foreign - by_editable_install(tmp_path) <= {"_posixsubprocess", "atexit", "zlib"}
    assert len(added - foreign) <= 16, added


def test_own_sitecustomize_is_still_imported(tmp_path: Path) -> None:
    # The supervisor, a Python like any other, imports it too.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif sys.orig_argv[1] == '-c':\n    print('mine', __file__, sys.path[0])\nmark = 1\n"
    )
    code = "import sys, sitecustomize; print(sitecustomize.mark, sitecustomize.__spec__.origin)"
    assert_same(["-c", code], tmp_path, env={"PYTHONPATH": str(tmp_path)})


def test_failing_sitecustomize_is_reported_as_ever(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif sys.orig_argv[1] == '-c':\n    import nothing_of_this_name\n"
    )
    assert_same(["-c", "print('runs')"], tmp_path, env={"PYTHONPATH": str(tmp_path)})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python does not warn of threads at a fork")
def test_fork_warning_of_own_threads_stays(tmp_path: Path) -> None:
    code = (
        "import os, threading, time\n"
        "threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n"
        "pid = os.fork() or os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "os._exit(0)"
    )
    done = run(whet_run(["-c", code], tmp_path / "rec"), cwd=tmp_path)
    assert b"multi-threaded" in done.err
