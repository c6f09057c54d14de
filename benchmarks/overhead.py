"""What profiling costs the program that is profiled.

    benchmarks/overhead.py [--quick] [--rounds N] [--peer-rounds N] [--scale S] [--only NAME,...]
                           [--workloads NAME,...]

Paired and interleaved: a round runs every profiler once on every workload, in random order, next to
two bare runs; a profiler's ratio is taken within its round. The second bare run, "bare again", shows
how much of a ratio is noise. Writes results/overhead.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import HERE, describe_machine, machine_line, publish, run, save, spread
from profilers import PROFILERS, Profiler, clear, prepare, present

WORKLOADS = ("recursion", "calls", "arrays", "threads", "tasks", "allocations")
TITLES = ("deep recursion", "many small calls", "NumPy", "8 threads", "asyncio", "allocation-heavy")
MIB = 1 << 20


@dataclass(frozen=True)
class Reading:
    """One run. Times of the workload are its own; whole times are those of all processes."""

    round: int
    workload: str
    profiler: str
    work_wall_s: float
    work_cpu_s: float
    peak_bytes: int
    whole_wall_s: float
    whole_cpu_s: float
    status: int


def measure(
    number: int, workload: str, profiler: Profiler, python: str, scale: float, folder: Path
) -> Reading:
    """Run one workload under one profiler."""
    result, output = folder / "result.json", folder / "profile"
    clear(result)
    clear(output)
    work = [str(HERE / "workloads" / f"{workload}.py"), str(scale)]
    usage = run(
        profiler.wrap(python, str(output), work),
        environment={"WHET_BENCH_RESULT": str(result), "PYTHONHASHSEED": "0"},
        log=folder / "log",
    )
    own = json.loads(result.read_text()) if result.exists() else {"wall_s": 0, "cpu_s": 0, "peak_bytes": 0}
    recorded = "bare" in profiler.name or output.exists()
    status = usage.status if result.exists() and recorded else usage.status or -1
    return Reading(
        number,
        workload,
        profiler.name,
        own["wall_s"],
        own["cpu_s"],
        own["peak_bytes"],
        usage.wall_s,
        usage.cpu_s,
        status,
    )


def collect(options: argparse.Namespace, python: str) -> list[Reading]:
    """Run all rounds."""
    wanted = [p for p in present() if p.name.startswith(("bare", *options.only))]
    own = [p for p in wanted if p.name.startswith(("bare", "whet"))]
    order = random.Random(1)
    readings = []
    with tempfile.TemporaryDirectory(prefix="whet-overhead-") as folder:
        for number in range(options.rounds):
            asked = wanted if options.rounds - number <= options.peer_rounds else own
            for workload in options.workloads:
                for profiler in order.sample(asked, len(asked)):
                    reading = measure(number, workload, profiler, python, options.scale, Path(folder))
                    readings.append(reading)
                print(f"round {number + 1} of {options.rounds}: {workload}", flush=True)
    return readings


Pairs = dict[tuple[str, str], list[tuple[Reading, Reading]]]


def pair(readings: list[Reading]) -> Pairs:
    """Put each good reading beside the bare one of its round, by (profiler, workload)."""
    bare = {(r.round, r.workload): r for r in readings if r.profiler == "bare" and r.status == 0}
    pairs: Pairs = defaultdict(list)
    for r in readings:
        base = bare.get((r.round, r.workload))
        if base and r.profiler != "bare" and r.status == 0:
            pairs[r.profiler, r.workload].append((r, base))
    return pairs


def tables(readings: list[Reading], workloads: list[str]) -> str:
    """Return the three tables as Markdown."""
    pairs = pair(readings)
    names = [p.name for p in PROFILERS if any(name == p.name for name, _ in pairs)]
    titles = [dict(zip(WORKLOADS, TITLES, strict=True))[w] for w in workloads]

    def table(heading: str, cell: str, digits: int) -> list[str]:
        lines = [f"**{heading}**", "", f"| | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
        for name in names:
            cells = [
                spread([_cell(cell, r, b) for r, b in found], digits)
                if (found := pairs.get((name, w)))
                else "failed"
                for w in workloads
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return [*lines, ""]

    failures = [r for r in readings if r.status != 0]
    text = [
        *table("Wall time of the workload, ratio to bare: median (lowest–highest)", "wall", 3),
        *table("CPU time of all processes, start and report included, ratio to bare", "cpu", 2),
        *table("Wall time added before and after the workload (start, report), seconds", "ends", 2),
        *table("Peak memory added to the measured process by the end of the workload, MiB", "memory", 1),
    ]
    if failures:
        named = sorted({f"{r.profiler} on {r.workload}" for r in failures})
        text.append(f"Runs that failed or left no profile: {len(failures)} ({'; '.join(named)}).")
    return "\n".join(text)


def _cell(kind: str, reading: Reading, bare: Reading) -> float:
    if kind == "wall":
        return reading.work_wall_s / bare.work_wall_s
    if kind == "cpu":
        return reading.whole_cpu_s / bare.whole_cpu_s
    if kind == "ends":
        return (reading.whole_wall_s - reading.work_wall_s) - (bare.whole_wall_s - bare.work_wall_s)
    return (reading.peak_bytes - bare.peak_bytes) / MIB


def main() -> None:
    parser = argparse.ArgumentParser(description="what profiling costs the program that is profiled")
    parser.add_argument("--quick", action="store_true", help="two rounds of small workloads, nothing written")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--peer-rounds", type=int, default=7, help="peers run in the last N rounds only: some are slow"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="size of the workloads; 1: 2 to 4 s each")
    parser.add_argument("--only", default="", help="profilers, by the beginning of their names")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    options = parser.parse_args()
    options.only = tuple(options.only.split(","))
    options.workloads = options.workloads.split(",")
    options.scale = 0.1 if options.quick else options.scale
    options.rounds = 2 if options.quick else options.rounds

    machine = describe_machine()
    readings = collect(options, prepare())
    text = tables(readings, options.workloads)
    bare = [r.work_cpu_s for r in readings if r.profiler == "bare"]
    peer_rounds = min(options.peer_rounds, options.rounds)
    seconds = statistics.median(bare)
    note = (
        f"{options.rounds} rounds, peers in {peer_rounds} of them; "
        f"a bare workload takes {seconds:.1f} s of CPU time. "
    )
    print(text)
    if not options.quick:
        save("overhead", {"machine": machine, "readings": [asdict(r) for r in readings]})
        publish("overhead", f"{text}\n{note}{machine_line(machine)}")


if __name__ == "__main__":
    main()
