"""What `whet attach` takes from the program that it looks at: many short pairs of turns with it and without.

    benchmarks/attach_cost.py [--quick] [--pairs N] [--rows TEXT]

One program (programs/steady_turns.py) runs all the time and keeps a book of its turns; beside it the
reader is on for a tenth of a second and off for as long, in random order within each pair, so that a machine
that changes its speed changes both. The loss is the median of the pairs' ratios, with its 95 % interval from
the order of the pairs (that of the sign test), which a few disturbed pairs do not move; speed is turns per
second of the program's own CPU clock, and per second on the wall. The kernel's clock of the process says how
much less CPU time it got: that is sharper where threads wait for each other, whose turns begin and end at any
time; it lags by up to a tick of the scheduler, so it is of use in long turns only. Pairs of off and off say
how exact all of it is.
Writes results/attach_cost.json and the table in README.md (not with --quick); rows that were not asked for
stay as they were, so that a machine need be quiet for a few minutes at a time only.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from machine import HERE, describe_machine, load, machine_line, publish, save

from whet.collect.remote.process import RemoteProcess

PROGRAM = HERE / "programs/steady_turns.py"
SETTLE_S = 0.02
Z95 = 1.96
Interval = tuple[float, float, float]
Row = dict[str, Interval | float | None]


@dataclass(frozen=True)
class Window:
    """A stretch of time with or without the reader, and the CPU time that the process got in it."""

    is_on: bool
    begin_s: float
    end_s: float
    cpu_s: float

    @property
    def cpu_share(self) -> float:
        return self.cpu_s / (self.end_s - self.begin_s)


@dataclass(frozen=True)
class Case:
    """A row of the table: the reader's rate (0: none), the program's arguments, the length of a turn.

    Turns are much longer than what the program's threads do between two readings of the clock.
    """

    name: str
    rate_hz: float
    threads: int = 0
    depth: int = 0
    busy: int = 1
    window_s: float = 0.1


# Beside it a tick of the scheduler, 4 ms at most, is little.
LONG_S = 1.0
LOSSES = ("loss_of_cpu_time", "loss_per_cpu_second", "loss_per_wall_second")
CASES = (
    Case("no reader", 0),
    Case("100 Hz, one thread", 100),
    Case("1 kHz, one thread", 1000),
    Case("100 Hz, 200 threads that wait", 100, threads=200),
    Case("100 Hz, 1,000 frames", 100, depth=1000),
    Case("100 Hz, 200 threads that wait, 50 frames each", 100, threads=200, depth=50),
    Case("100 Hz, the same and 8 that work", 100, threads=200, depth=50, busy=8, window_s=1.0),
)


def windows(case: Case, process: RemoteProcess, pairs: int) -> list[Window]:
    """Switch the reader on and off."""
    # The kernel's name for the CPU clock of a process, as clock_getcpuclockid(3) gives it.
    clock = ~process.pid << 3 | 2
    found = []
    for _ in range(pairs):
        for is_on in random.sample((True, False), 2):
            time.sleep(SETTLE_S)
            begin_s, begin_cpu_s = time.monotonic(), time.clock_gettime(clock)
            if is_on and case.rate_hz:
                # The default budget of the command.
                process.run(case.rate_hz, case.window_s, min(0.05 * case.rate_hz / 100, 0.5))
            else:
                time.sleep(case.window_s)
            cpu_s = time.clock_gettime(clock) - begin_cpu_s
            found.append(Window(is_on, begin_s, time.monotonic(), cpu_s))
    return found


def measure(case: Case, pairs: int) -> Row:
    command = [sys.executable, str(PROGRAM), *map(str, (case.threads, case.depth, case.busy))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as child:  # type: ignore[call-overload]
        child.stdout.readline()
        process = RemoteProcess(child.pid)
        process.check()
        before = process.statistics()
        times = windows(case, process, pairs)
        after = process.statistics()
        out, _ = child.communicate("")
    slices = [tuple(int(word) for word in line.split()) for line in out.splitlines()]
    cpu, wall, time_less = [], [], []
    for one, other in zip(times[::2], times[1::2], strict=True):
        on, off = (one, other) if one.is_on else (other, one)
        (cpu_on, wall_on), (cpu_off, wall_off) = (speed(slices, w.begin_s, w.end_s) for w in (on, off))
        cpu.append(math.log(cpu_off / cpu_on))
        wall.append(math.log(wall_off / wall_on))
        time_less.append(math.log(off.cpu_share / on.cpu_share))
    looks = after["ticks"] - before["ticks"]
    return {
        "pairs": pairs,
        "loss_per_cpu_second": interval(cpu),
        "loss_per_wall_second": interval(wall),
        "loss_of_cpu_time": interval(time_less) if case.window_s >= LONG_S else None,
        "looks_per_s": looks / (pairs * case.window_s),
        "own_cpu": (after["own_cpu_ns"] - before["own_cpu_ns"]) / (pairs * case.window_s * 1e9),
        "program_cpu_taken": (after["window_ns"] - before["window_ns"]) / (pairs * case.window_s * 1e9),
    }


def speed(slices: list[tuple[int, ...]], begin_s: float, end_s: float) -> tuple[float, float]:
    """Return turns per second of CPU and per second on the wall; of a slice, the part within the two."""
    cpu_ns = turns = 0.0
    begin_ns, end_ns = begin_s * 1e9, end_s * 1e9
    for slice_begin_ns, slice_end_ns, slice_cpu_ns, slice_turns in slices:
        common_ns = min(end_ns, slice_end_ns) - max(begin_ns, slice_begin_ns)
        if common_ns > 0:
            part = common_ns / (slice_end_ns - slice_begin_ns)
            cpu_ns, turns = cpu_ns + part * slice_cpu_ns, turns + part * slice_turns
    return turns / cpu_ns * 1e9, turns / (end_s - begin_s)


def interval(logs: list[float]) -> Interval:
    """Return (median, low, high) of the loss, as shares."""
    ordered = sorted(logs)
    least = max(math.floor((len(logs) - Z95 * math.sqrt(len(logs))) / 2), 0)
    values = statistics.median(ordered), ordered[least], ordered[-1 - least]
    middle, low, high = (math.expm1(value) for value in values)
    return middle, low, high


def table(rows: dict[str, Row]) -> str:
    lines = [
        "| program | pairs | looks/s | of a CPU | its CPU | less CPU | slower per CPU s | per wall s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        losses = " | ".join(shown(row[name]) for name in LOSSES)
        lines.append(
            f"| {name} | {row['pairs']} | {row['looks_per_s']:.0f} | {row['own_cpu']:.2%}"
            f" | {row['program_cpu_taken']:.2%} | {losses} |"
        )
    return "\n".join(lines)


def shown(value: Interval | float | None) -> str:
    if value is None:
        return "too short"
    assert isinstance(value, tuple | list)
    return f"{value[0]:+.2%} ({value[1]:+.2%} to {value[2]:+.2%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few pairs, nothing is written")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--rows", default="", help="only rows whose name contains one of these, by |")
    options = parser.parse_args()
    machine = describe_machine()
    pairs = 20 if options.quick else options.pairs
    asked = [case for case in CASES if any(text in case.name for text in options.rows.split("|"))]
    fresh = {case.name: measure(case, pairs) for case in random.sample(asked, len(asked))}
    known = {} if options.quick or not options.rows else load("attach_cost").get("rows", {})
    rows = {case.name: {**known, **fresh}.get(case.name) for case in CASES}
    found = {name: row for name, row in rows.items() if row}
    text = f"{table(found)}\n\n{machine_line(machine)}"
    print(text)
    if not options.quick:
        save("attach_cost", {"machine": machine, "rows": found})
        publish("attach_cost", text)


if __name__ == "__main__":
    main()
