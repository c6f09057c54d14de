"""How much slower a program runs while whet records it.

    benchmarks/slowdown.py [--whole] [--quick] [--launches N] [--rounds N] [--workloads NAME,...]
        [--only WORD]

A whole run beside a whole run (overhead.py) cannot tell 1.00 from 1.03 on a machine whose speed itself
changes by more within seconds. Here the same workload runs in several processes at a time that take turns
of about a twentieth of a second: bare, bare again, and under `whet run` at each rate. A round gives each one
turn, in random order; its ratio is that of turns next to each other. A launch starts all processes anew, so
that where code and data happen to lie in memory is averaged too. What is shown is the median over launches of
the median over rounds, and its 95 % interval (bootstrap over launches and rounds).

The processes that wait for their turn sleep; whet's own thread works on then, so a part of what it does with
samples falls outside the turns. overhead.py holds that too, in its table of CPU time.
With --whole it is not the CPU sampler's rates that are compared, but all collectors, one by one and together,
beside tools that look at as much.
Writes results/slowdown.json (whole.json) and the table in README.md (not with --quick or --only).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from machine import HERE, describe_machine, machine_line, publish, save
from overhead import TITLES, WORKLOADS
from profilers import PROFILERS, WHOLE, Profiler, prepare, present

RATES = ("bare", "bare again", "whet, 100 Hz", "whet, 1 kHz")
# Of a workload's full size: about 0.05 s of it.
TURN_SCALE = 0.025
WARM_UP_ROUNDS = 2
# A process that needs this many times the bare one's turn plays only every so many rounds.
SLOW = 8
SLOW_ROUNDS = 10

# From row to launches to rounds.
Ratios = dict[str, list[list[float]]]
# From row to launches: bytes.
Peaks = dict[str, list[float]]


@contextmanager
def player(row: Profiler, workload: str, python: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start one process that runs `workload` turn by turn."""
    script = [str(HERE / "workloads" / f"{workload}.py"), str(TURN_SCALE)]
    environment = {**os.environ, "WHET_BENCH_TURNS": "1", "PYTHONHASHSEED": "0"}
    command = row.wrap(python, str(folder / re.sub(r"\W+", "-", row.name)), script)
    with (
        open(folder / "log", "ab") as log,
        subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        yield process
        assert process.stdin is not None
        process.stdin.close()


def take_turn(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Let one process work; return the seconds that took, and its peak memory in bytes."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit("a measured process ended early")
    seconds, peak = map(float, line.split())
    return seconds, peak


def launch(
    rows: Sequence[Profiler], workload: str, python: str, rounds: int, order: random.Random
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Start all processes, play all rounds; return each row's ratios to the bare process, and added bytes."""
    names = [row.name for row in rows]
    ratios: dict[str, list[float]] = {name: [] for name in names[1:]}
    with tempfile.TemporaryDirectory(prefix="whet-slowdown-") as folder, ExitStack() as stack:
        players = {row.name: stack.enter_context(player(row, workload, python, Path(folder))) for row in rows}
        slow: set[str] = set()
        peaks: dict[str, float] = {}
        for number in range(-WARM_UP_ROUNDS, rounds):
            playing = [name for name in names if name not in slow or number % SLOW_ROUNDS == 0]
            turns = {name: take_turn(players[name]) for name in order.sample(playing, len(playing))}
            peaks.update((name, peak) for name, (_, peak) in turns.items())
            found = {
                name: seconds / turns["bare"][0] for name, (seconds, _) in turns.items() if name != "bare"
            }
            slow.update(name for name, ratio in found.items() if ratio > SLOW)
            if number >= 0:
                for name, ratio in found.items():
                    ratios[name].append(ratio)
    return ratios, {name: peaks[name] - peaks["bare"] for name in ratios}


def centre(launches: list[list[float]]) -> float:
    return statistics.median(statistics.median(rounds) for rounds in launches)


def interval(launches: list[list[float]], order: random.Random) -> tuple[float, float]:
    """Return the 95 % interval of `centre`: launches are drawn anew, and rounds within them."""
    drawn = sorted(
        centre([order.choices(rounds, k=len(rounds)) for rounds in order.choices(launches, k=len(launches))])
        for _ in range(1000)
    )
    return drawn[25], drawn[974]


def table(found: dict[str, Ratios]) -> str:
    """Return the table of times as Markdown."""
    titles = [dict(zip(WORKLOADS, TITLES, strict=True))[workload] for workload in found]
    lines = [f"| | {' | '.join(titles)} | geometric mean |", "|---" * (len(titles) + 2) + "|"]
    order = random.Random(1)
    for row in next(iter(found.values())):
        cells = []
        for ratios in found.values():
            low, high = interval(ratios[row], order)
            cells.append(f"{centre(ratios[row]):.3f} ({low:.3f}–{high:.3f})")
        cells.append(f"{statistics.geometric_mean(centre(ratios[row]) for ratios in found.values()):.3f}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(["**Wall time of a turn, ratio to bare: median and its 95 % interval**", "", *lines])


def memory_table(peaks: dict[str, Peaks]) -> str:
    """Return the table of added memory as Markdown."""
    titles = [dict(zip(WORKLOADS, TITLES, strict=True))[workload] for workload in peaks]
    lines = [f"| | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for row in next(iter(peaks.values())):
        cells = [f"{statistics.median(found[row]) / 2**20:.1f}" for found in peaks.values()]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(
        ["**Peak memory of the process beyond the bare one's, MiB: median of launches**", "", *lines]
    )


def rows_of(*, whole: bool) -> list[Profiler]:
    if whole:
        return present(WHOLE)
    return [profiler for profiler in PROFILERS if profiler.name in RATES]


def main() -> None:
    parser = argparse.ArgumentParser(description="how much slower a program runs while whet records it")
    parser.add_argument("--whole", action="store_true", help="all collectors instead of rates")
    parser.add_argument("--quick", action="store_true", help="few turns, nothing written")
    parser.add_argument("--launches", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--only", default="", metavar="WORD", help="rows whose name begins with WORD")
    options = parser.parse_args()
    launches, rounds = (2, 10) if options.quick else (options.launches, options.rounds)

    machine = describe_machine()
    python = prepare()
    order = random.Random(1)
    rows = rows_of(whole=options.whole)
    rows = [row for row in rows if row.name.startswith(("bare", options.only))]
    names = [row.name for row in rows[1:]]
    found: dict[str, Ratios] = {one: {name: [] for name in names} for one in options.workloads.split(",")}
    peaks: dict[str, Peaks] = {workload: {name: [] for name in names} for workload in found}
    for number in range(launches):
        for workload, ratios in found.items():
            times, memory = launch(rows, workload, python, rounds, order)
            for name in names:
                ratios[name].append(times[name])
                peaks[workload][name].append(memory[name])
            print(f"launch {number + 1} of {launches}: {workload}", flush=True)
    text = table(found)
    if options.whole:
        text += "\n\n" + memory_table(peaks)
    print(text)
    if not options.quick and not options.only:
        name = "whole" if options.whole else "slowdown"
        save(name, {"machine": machine, "ratios": found, "peaks": peaks})
        note = f"{launches} launches of {rounds} rounds. "
        publish(name, f"{text}\n\n{note}{machine_line(machine)}")


if __name__ == "__main__":
    main()
