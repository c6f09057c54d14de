"""What the benchmarks of this folder share: running a process and saying what machine it was.

Nothing here knows a profiler or a table. Memory is the peak resident size the kernel reports for
the process (getrusage(2): ru_maxrss, kibibytes on Linux).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"
README = HERE / "README.md"


@dataclass(frozen=True)
class Usage:
    """What one process and the children it waited for took."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    status: int


def run(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, log: Path | None = None
) -> Usage:
    """Run a command to its end, silently, and return what it took.

    Args:
        command: program and arguments.
        environment: variables to add to this process's own.
        log: a file for what the command prints; by default that is dropped.
    """
    with (log or Path(os.devnull)).open("wb") as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    return Usage(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, child.returncode)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Format a median with its range."""
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def describe_machine() -> dict[str, str]:
    """Return what a reader must know to judge the numbers."""
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{os.cpu_count()} x {model}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": load,
    }


def machine_line(machine: Mapping[str, str]) -> str:
    """Format `describe_machine` as a line under a table."""
    return (
        f"Python {machine['python']}, {machine['cpu']}, {machine['system']}, {machine['date']}; "
        f"load average at the start {machine['load']}."
    )


def save(name: str, record: object) -> None:
    """Write raw numbers to results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    """Return what was saved in results/NAME.json, nothing if that was never."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def publish(name: str, text: str) -> None:
    """Replace what README.md holds between the markers of this benchmark."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    readme = README.read_text(encoding="utf-8")
    before, found, rest = readme.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{README.name} has no markers for {name}")
    README.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")
