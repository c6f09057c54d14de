"""What recording memory costs the program: whet's heap collector beside memray and tracemalloc.

    benchmarks/heap_overhead.py [--rounds N] [--scale S] [--quick]

Paired and interleaved: a round runs every tool once on every workload, in random order, next to two
bare runs; a tool's ratio is taken within its round. "bare again" shows how much of a ratio is noise.
Times are CPU times of the workload's own, so no start-up or writing of files is in them. Writes
results/heap_overhead.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from machine import HERE, describe_machine, machine_line, publish, run, save, spread
from profilers import prepare

WORKLOADS = {"allocations": "allocation-heavy", "arrays": "NumPy", "tasks": "asyncio"}
TOOLS = (
    "bare",
    "bare again",
    "whet, 512 KiB",
    "whet, 512 KiB, Python only",
    "whet, 64 KiB",
    "memray",
    "memray, Python allocators",
    "tracemalloc, 1 frame",
)
MIB = 1 << 20


def measure(python: str, tool: str, workload: str, scale: float, folder: Path) -> dict[str, float] | None:
    """Return the workload's own readings under a tool, None if it failed."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    program = HERE / "programs" / "record_heap.py"
    usage = run(
        [python, str(program), tool, str(HERE / "workloads" / f"{workload}.py"), str(scale)],
        environment={"WHET_BENCH_RESULT": str(result), "PYTHONHASHSEED": "0"},
        log=folder / "log",
    )
    if usage.status or not result.exists():
        return None
    readings: dict[str, float] = json.loads(result.read_text())
    return readings


def table(ratios: dict[tuple[str, str], list[float]], added: dict[tuple[str, str], list[float]]) -> str:
    """Return the results as Markdown: median of the ratios with their range, MiB added."""
    lines = [
        "| recorder | " + " | ".join(f"{title} | MiB" for title in WORKLOADS.values()) + " |",
        "|---|" + "---:|---:|" * len(WORKLOADS),
    ]
    for tool in TOOLS[1:]:
        cells = []
        for workload in WORKLOADS:
            values = ratios.get((tool, workload))
            cells.append(spread(values) if values else "failed")
            cells.append(f"{statistics.median(added[tool, workload]):.0f}" if values else "")
        lines.append(f"| {tool} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, publish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=0.5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rounds, scale = (1, 0.1) if options.quick else (options.rounds, options.scale)
    python = prepare()
    installed = subprocess.run([python, "-c", "import memray"], capture_output=True, check=False)
    if installed.returncode:
        command = [python, "-m", "pip", "install", "--quiet", "memray"]
        if shutil.which("uv"):
            command = ["uv", "pip", "install", "--quiet", "--python", python, "memray"]
        subprocess.run(command, check=False)
    readings, ratios, added = [], defaultdict(list), defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        for number in range(rounds):
            for workload in WORKLOADS:
                order = random.sample(TOOLS, len(TOOLS))
                seen = {tool: measure(python, tool, workload, scale, Path(name)) for tool in order}
                readings.append({"round": number, "workload": workload, "readings": seen})
                bare = seen["bare"]
                for tool, reading in seen.items():
                    if reading and bare:
                        ratios[tool, workload].append(reading["cpu_s"] / bare["cpu_s"])
                        added[tool, workload].append((reading["peak_bytes"] - bare["peak_bytes"]) / MIB)
    text = table(ratios, added)
    print(text)
    if options.quick:
        return
    machine = describe_machine()
    save("heap_overhead", {"machine": machine, "rounds": rounds, "scale": scale, "readings": readings})
    note = f"CPU time with the recorder / without, median of {rounds} rounds (range), and memory added. "
    publish("heap_overhead", f"{note}{machine_line(machine)}\n\n{text}")


if __name__ == "__main__":
    main()
