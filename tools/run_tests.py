"""Run the tests on every Python that can be reached.

    tools/run_tests.py          quick tests on this Python; process tests on each other one meanwhile
    tools/run_tests.py --all    all tests, slow ones too, one Python after the other, so that what they
                                measure has the machine; newer Pythons come from a chroot folder

Other Pythons are those called python3.X on PATH or installed by pyenv, 3.11 to 3.15; each gets an
environment of its own, .venv-3.X. Output comes whole for each Python, in their order. The last line is
the sum over all of them.

Quick tests of several Pythons share the processors, and real processes then wait for each other. What
fails so is run again, once and alone: what passes then is called unsteady, and is a test or a piece of
code to repair; what fails again, a crash, or more than a few failures, fails the run. With --all nothing
is run again.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
CHROOT = [str(ROOT / "tools/newer_python.sh"), "run"]
# Tests that a new interpreter can break: real programs, and both kinds of kernels.
OTHER_PYTHON_TESTS = ("tests/process", "tests/parity")
# Of these, what reads files, computes or drives other programs: one Python is enough for each commit.
NOT_OF_THE_INTERPRETER = (
    "tests/parity/test_difference.py",
    "tests/parity/test_digest.py",
    "tests/process/load",
    "tests/process/test_bench_command.py",
    "tests/process/test_bench_history.py",
    "tests/process/test_bench_stat.py",
    "tests/process/test_bench_versus.py",
    "tests/process/test_compare_errors.py",
    "tests/process/test_hostile_input.py",
    "tests/process/test_lock.py",
    "tests/process/test_pprof_memory.py",
    "tests/process/test_prof_servers.py",
    "tests/process/test_pytest_plugin.py",
    "tests/process/test_web_ui.py",
)
SIDE_BY_SIDE = ("--numprocesses=2", "--dist=worksteal")
# More failures than these on one Python are not for lack of a processor.
FEW = 4
PROBE = (
    "import sys, sysconfig, pathlib, ensurepip;"
    "assert pathlib.Path(sysconfig.get_path('include'), 'Python.h').exists(), 'no headers';"
    "print('%d.%d' % sys.version_info[:2])"
)

# Takes a piece of output.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Python:
    """One interpreter to test on; `prefix` is what a command line begins with to reach it."""

    version: str
    path: str
    prefix: tuple[str, ...] = ()
    mine: bool = False

    @property
    def venv(self) -> str:
        return f".venv-{self.version}"

    @property
    def pytest(self) -> list[str]:
        """The command that runs tests on it and remembers, apart from others, which failed."""
        binary = self.path if self.mine else f"{self.venv}/bin/python"
        return [*self.prefix, binary, "-m", "pytest", "-q", f"-ocache_dir=.pytest_cache/{self.version}"]


def candidates(version: str) -> list[str]:
    """Return paths at which this version may be."""
    found = [path] if (path := shutil.which(f"python{version}")) else []
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found += [str(p) for p in sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)]
    return found


def usable(path: str, version: str) -> bool:
    """Say whether this is really that version and can build extension modules."""
    done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def find_on_this_machine(mine: str) -> list[Python]:
    """Return the other Pythons present, and say which are not."""
    pythons = []
    for version in VERSIONS:
        if version == mine:
            continue
        path = next((c for c in candidates(version) if usable(c, version)), None)
        if path:
            pythons.append(Python(version, path))
        else:
            print(f"python {version}: not on this machine, not tested")
    return pythons


def find_in_chroot(present: set[str]) -> list[Python]:
    """Make the chroot folder if that is possible and return the Pythons that only it has."""
    script = CHROOT[0]
    made = subprocess.run([script, "make"], check=False, stdout=subprocess.DEVNULL)
    if made.returncode:
        print("newer Pythons: no chroot folder, not tested")
        return []
    listed = subprocess.run([script, "versions"], capture_output=True, text=True, check=True)
    return [
        Python(v, f"/usr/bin/python{v}", tuple(CHROOT)) for v in listed.stdout.split() if v not in present
    ]


def run(command: list[str], say: Say) -> tuple[int, str]:
    """Run a command, pass its output on line by line; return its status and last line with text."""
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            say(line)
            closing = line if line.strip() else closing
    return child.returncode, closing


def run_pytest(python: Python, arguments: list[str], say: Say) -> Counter[str]:
    """Run pytest and return the counts of its closing line."""
    crashes = 0

    def say_and_watch(line: str) -> None:
        nonlocal crashes
        crashes += "crashed while running" in line
        say(line)

    status, closing = run([*python.pytest, *arguments], say_and_watch)
    counts = Counter({word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped)", closing)})
    errors = sum(int(n) for n in re.findall(r"(\d+) errors?", closing))
    # 5 is pytest's "nothing collected"; any other status without a failed test is a run that broke.
    broken = status not in (0, 5) and not counts["failed"] and not errors
    counts["failed"] += errors + broken
    counts["broken"] += errors + broken + crashes
    return counts


def say_at_once(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def test_here(python: Python, *, everything: bool) -> Counter[str]:
    """Run all tests on this Python; its output is shown as it comes."""
    say_at_once(f"python {python.version}: {python.path}\n")
    return run_pytest(python, selection(everything=everything), say_at_once)


def test_other(python: Python, *, everything: bool) -> tuple[str, Counter[str]]:
    """Make this Python's environment and run in it what an interpreter can break; return output, counts."""
    where = " in the chroot folder" if python.prefix else ""
    output = [f"\npython {python.version}: {python.path}{where}\n"]
    making = [*python.prefix, str(ROOT / "tools/make_venv.sh"), python.path, python.venv, "test"]
    if run(making, output.append)[0]:
        output.append(f"python {python.version}: environment could not be made\n")
        return "".join(output), Counter(failed=1, broken=1)
    tests = [t for t in OTHER_PYTHON_TESTS if (ROOT / t).is_dir()]
    left_out = [] if everything else [f"--ignore={path}" for path in NOT_OF_THE_INTERPRETER]
    counts = run_pytest(python, [*selection(everything=everything), *left_out, *tests], output.append)
    return "".join(output), counts


def test_again(python: Python, counts: Counter[str]) -> Counter[str]:
    """Run what failed again, alone; return the counts with what passed now as `unsteady`."""
    if not counts["failed"] or counts["broken"] or counts["failed"] > FEW:
        return counts
    say_at_once(f"\npython {python.version}: once more, alone: what failed\n")
    again = run_pytest(python, ["-v", "--last-failed", "--last-failed-no-failures=none"], say_at_once)
    unsteady = min(again["passed"], counts["failed"])
    steady = Counter({"unsteady": unsteady, "failed": counts["failed"] - unsteady})
    return Counter({**counts, **steady})


def selection(*, everything: bool) -> list[str]:
    return [] if everything else ["-m", "not slow", *SIDE_BY_SIDE]


def main() -> int:
    parser = argparse.ArgumentParser(description="run the tests on every Python that can be reached")
    parser.add_argument("--all", action="store_true", help="slow tests too, and newer Pythons in a chroot")
    everything = parser.parse_args().all
    started = time.monotonic()

    # This also fetches that Go, before two processes wait for it at once.
    subprocess.run([sys.executable, "tests/go_toolchain.py"], cwd=ROOT, check=True)
    mine = Python("{}.{}".format(*sys.version_info), sys.executable, mine=True)
    pythons = find_on_this_machine(mine.version)
    if everything:
        pythons += find_in_chroot({mine.version, *(p.version for p in pythons)})
    counts: dict[Python, Counter[str]] = {}
    if everything:
        counts[mine] = test_here(mine, everything=True)
    with ThreadPoolExecutor(1) as beside:
        others = [(p, beside.submit(test_other, p, everything=everything)) for p in pythons]
        if not everything:
            counts[mine] = test_here(mine, everything=False)
        for python, other in others:
            output, counts[python] = other.result()
            say_at_once(output)
    if not everything:
        counts = {python: test_again(python, found) for python, found in counts.items()}
    total = sum(counts.values(), Counter())

    tested = ", ".join(p.version for p in counts)
    print(f"\ntested on Python {tested} in {time.monotonic() - started:.0f} s")
    unsteady = f", {total['unsteady']} unsteady (see above)" if total["unsteady"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{unsteady}, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
