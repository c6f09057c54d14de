"""The profilers that are compared, and the environment they all run in.

Each is a command line around one and the same workload. What does not install on this machine is
left out of the table and named under it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from machine import ROOT, run

VENV = ROOT / ".venv-peers"
# austin 4's wheel asks for a C library (glibc 2.38) that many supported systems do not have.
PEERS = ("pyinstrument", "py-spy", "austin-dist<4", "memray", "scalene", "yappi", "viztracer", "ddtrace")

# From (python, output file, workload with its arguments) to a command line.
Wrap = Callable[[str, str, list[str]], list[str]]


@dataclass(frozen=True)
class Profiler:
    """A row of the table; `program` must be there for the row to be measured."""

    name: str
    wrap: Wrap
    program: str = "python"


def _bin(name: str) -> str:
    return str(VENV / "bin" / name)


PROFILERS = (
    Profiler("bare", lambda py, _out, work: [py, *work]),
    Profiler("bare again", lambda py, _out, work: [py, *work]),
    Profiler(
        "whet, 100 Hz",
        lambda py, out, work: [py, "-m", "whet", "run", "--rate", "100", "-o", out, *work],
        "whet",
    ),
    Profiler(
        "whet, 1 kHz",
        lambda py, out, work: [py, "-m", "whet", "run", "--rate", "1000", "-o", out, *work],
        "whet",
    ),
    Profiler("cProfile", lambda py, out, work: [py, "-m", "cProfile", "-o", out, *work]),
    Profiler(
        "pyinstrument, 1 kHz",
        lambda py, out, work: [py, "-m", "pyinstrument", "-r", "pyisession", "-o", out, *work],
        "pyinstrument",
    ),
    Profiler(
        "py-spy, 100 Hz",
        lambda py, out, work: [
            _bin("py-spy"),
            "record",
            "-r",
            "100",
            "-f",
            "raw",
            "-o",
            out,
            "--",
            py,
            *work,
        ],
        "py-spy",
    ),
    Profiler(
        "py-spy, 1 kHz",
        lambda py, out, work: [
            _bin("py-spy"),
            "record",
            "-r",
            "1000",
            "-f",
            "raw",
            "-o",
            out,
            "--",
            py,
            *work,
        ],
        "py-spy",
    ),
    Profiler(
        "austin, 100 Hz",
        lambda py, out, work: [_bin("austin"), "-i", "10ms", "-o", out, py, *work],
        "austin",
    ),
    Profiler(
        "austin, 1 kHz",
        lambda py, out, work: [_bin("austin"), "-i", "1ms", "-o", out, py, *work],
        "austin",
    ),
)

BARE = ("bare", "bare again")


def _whet(*options: str) -> Wrap:
    return lambda py, out, work: [py, "-m", "whet", "run", "-q", "--no-report", *options, "-o", out, *work]


def _memray(*options: str) -> Wrap:
    return lambda _py, out, work: [_bin("memray"), "run", "-q", "-f", *options, "-o", out, *work]


def _ddtrace(py: str, out: str, work: list[str]) -> list[str]:
    """Its profilers alone, written to files: there is no agent to send to."""
    settings = {
        "DD_TRACE_ENABLED": "false",
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        "DD_REMOTE_CONFIGURATION_ENABLED": "false",
        "DD_PROFILING_ENABLED": "true",
        "DD_PROFILING_OUTPUT_PPROF": out,
        "DD_PROFILING_HEAP_ENABLED": "true",
        "DD_PROFILING_MEMORY_ENABLED": "true",
        "DD_PROFILING_LOCK_ENABLED": "true",
    }
    pairs = [f"{name}={value}" for name, value in settings.items()]
    return ["env", *pairs, _bin("ddtrace-run"), py, *work]


# What looks at more than CPU time: whet's collectors one by one and together, and those who do as much.
WHOLE = (
    *(profiler for profiler in PROFILERS if profiler.name in BARE),
    Profiler("whet", _whet(), "whet"),
    Profiler("whet --heap", _whet("--heap"), "whet"),
    Profiler("whet --block", _whet("--block"), "whet"),
    Profiler("whet --gc", _whet("--gc"), "whet"),
    Profiler("whet --heap --block --gc", _whet("--heap", "--block", "--gc"), "whet"),
    Profiler("whet --all", _whet("--all"), "whet"),
    Profiler(
        "whet's agent",
        lambda py, out, work: ["env", f"WHET_AGENT={out}", f"WHET_AGENT_SPOOL={out}-spool", py, *work],
        "whet",
    ),
    Profiler("memray", _memray(), "memray"),
    Profiler("memray, Python's allocators", _memray("--trace-python-allocators"), "memray"),
    Profiler("tracemalloc", lambda py, _out, work: [py, "-X", "tracemalloc=1", *work]),
    Profiler("tracemalloc, 25 frames", lambda py, _out, work: [py, "-X", "tracemalloc=25", *work]),
    Profiler(
        "scalene",
        lambda py, out, work: [py, "-m", "scalene", "run", "-o", out, *work],
        "scalene",
    ),
    Profiler("ddtrace, all its profilers", _ddtrace, "ddtrace-run"),
    Profiler("yappi", lambda py, out, work: [py, "-m", "yappi", "-o", out, *work], "yappi"),
    Profiler(
        "viztracer",
        lambda _py, out, work: [_bin("viztracer"), "--quiet", "-o", f"{out}.json", "--", *work],
        "viztracer",
    ),
)  # fmt: skip


def prepare(also: Sequence[str] = ()) -> str:
    """Make the environment with whet, its peers and `also` in it; return its Python."""
    subprocess.run([ROOT / "tools/make_venv.sh", sys.executable, VENV.name], check=True)
    python = _bin("python")
    for package in (*PEERS, *also):
        command = [python, "-m", "pip", "install", "--quiet", package]
        if shutil.which("uv"):
            command = ["uv", "pip", "install", "--quiet", "--python", python, package]
        if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
            print(f"{package} does not install here")
    return python


def present(profilers: Sequence[Profiler] = PROFILERS) -> list[Profiler]:
    """Return the profilers whose program is there and starts."""
    return [p for p in profilers if _starts(VENV / "bin" / p.program)]


@cache
def _starts(program: Path) -> bool:
    return program.exists() and any(
        run([str(program), asked]).status == 0 for asked in ("--version", "--help")
    )


def clear(path: Path) -> None:
    """Remove what a profiler wrote, file or directory."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
