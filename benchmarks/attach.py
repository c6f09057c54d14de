"""Readers of a running process beside each other: samples reached, stacks that cannot be, the program's loss.

    benchmarks/attach.py [--quick] [--rounds N]

The program (programs/call_chains.py) makes nothing but short calls along two chains that never mix, so that
every torn stack shows. In each round all readers take their turns in random order, and two runs without
any; the loss is that of the program's own turns while the reader is surely at work. Where a
chroot has Python 3.15, its `profiling.sampling` reads a 3.15 program beside whet doing the same.
Writes results/attach.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import HERE, ROOT, describe_machine, machine_line, publish, save, spread
from profilers import VENV

from whet.formats.pprof import decode

PROGRAM = HERE / "programs/call_chains.py"
SECONDS = 3.0  # for which a reader reads
LEAD_S, TAIL_S = 1.5, 0.5  # for which the program runs before and after that, for readers that start slowly
BARE, AGAIN = "no reader", "no reader, again"
CHROOT = [str(ROOT / "tools/newer_python.sh"), "run"]
LINK = re.compile(r"(?:^|[.:])([ab])(\d)$")

# (stack, root first; how many samples)
Stacks = Iterator[tuple[list[str], int]]


@dataclass(frozen=True)
class Reader:
    """A row of the table: its command for (pid, output), and how its output is read."""

    name: str
    command: Callable[[int, str], list[str]]
    stacks: Callable[[Path], Stacks]
    python: tuple[str, ...] = (sys.executable,)


def whet(rate: int) -> Callable[[int, str], list[str]]:
    options = ["-q", "--no-report", "-d", f"{SECONDS}s", "-r", str(rate)]
    return lambda pid, out: [sys.executable, "-m", "whet", "attach", *options, "-o", out, str(pid)]


def py_spy(rate: int, *more: str) -> Callable[[int, str], list[str]]:
    options = ["-r", str(rate), "-d", str(round(SECONDS)), "-f", "raw", *more]
    return lambda pid, out: [str(VENV / "bin/py-spy"), "record", *options, "-o", out, "-p", str(pid)]


def sampling(rate: int, *more: str) -> Callable[[int, str], list[str]]:
    options = ["attach", "-r", str(rate), "-d", str(round(SECONDS)), "--collapsed", *more]
    # It finds files by its own view of the file system: it is run in the program's.
    return lambda pid, out: [
        *("nsenter", "-t", str(pid), "-m", "-r", "python3.15", "-m", "profiling.sampling"),
        *(*options, "-o", out, str(pid)),
    ]


def of_recording(path: Path) -> Stacks:
    profile = decode((path / "cpu.pb.gz").read_bytes())
    texts = profile.strings.texts()
    names = [texts[i] for i in profile.functions.name.tolist()]
    samples, locations = profile.samples, profile.locations
    for row in range(len(samples)):
        places = samples.stack[samples.stack_start[row] : samples.stack_start[row + 1]].tolist()
        stack = [names[locations.line_function[locations.line_start[place]]] for place in places]
        yield stack[::-1], int(samples.values[row, 0])


def of_collapsed(path: Path) -> Stacks:
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [re.sub(r" \(.*\)$|:\d+$", "", frame) for frame in stack.split(";")]
        yield frames, int(count)


def is_possible(stack: Sequence[str]) -> bool:
    """Tell whether a stack can exist in the program."""
    links = [match for frame in stack if (match := LINK.search(frame))]
    after_main = next((i for i, frame in enumerate(stack) if LINK.search(frame)), len(stack))
    return (
        any(frame.endswith("main") for frame in stack[:after_main])
        and all(LINK.search(frame) for frame in stack[after_main:])
        and all(link[1] == links[0][1] and int(link[2]) == depth for depth, link in enumerate(links))
    )


def readers() -> list[Reader]:
    found = [
        Reader("whet attach, 100 Hz", whet(100), of_recording),
        Reader("whet attach, 1 kHz", whet(1000), of_recording),
        Reader("whet attach, 10 kHz", whet(10_000), of_recording),
    ]
    if (VENV / "bin/py-spy").exists():
        found += [
            Reader("py-spy, 100 Hz", py_spy(100), of_collapsed),
            Reader("py-spy, 1 kHz", py_spy(1000), of_collapsed),
            Reader("py-spy, 10 kHz", py_spy(10_000), of_collapsed),
            Reader("py-spy --nonblocking, 1 kHz", py_spy(1000, "--nonblocking"), of_collapsed),
        ]
    newer = subprocess.run([CHROOT[0], "versions"], capture_output=True, text=True, check=False).stdout
    if "3.15" in newer.split():
        inside = (*CHROOT, "python3.15")
        found += [
            Reader("whet attach, 1 kHz, of 3.15", whet(1000), of_recording, inside),
            Reader("3.15 profiling.sampling, 1 kHz", sampling(1000), of_collapsed, inside),
            Reader(
                "3.15 profiling.sampling --blocking, 1 kHz",
                sampling(1000, "--blocking"),
                of_collapsed,
                inside,
            ),
        ]
    return found


def turn(reader: Reader | None, python: Sequence[str], scratch: Path, threads: int) -> dict[str, float]:
    """Run the program with a reader beside it, or none; return what was reached."""
    total_s = LEAD_S + SECONDS + TAIL_S
    command = [*python, str(PROGRAM), str(total_s), str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        result: dict[str, float] = {}
        out = scratch / "out"
        if reader is not None:
            done = subprocess.run(
                reader.command(child.pid, str(out)), capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(f"{reader.name}: {done.stderr[-500:]}")
            result = judge(reader, out)
        slices = [int(word) for word in child.stdout.readline().split()]
    # Whatever a reader needs to start, it reads in the middle.
    middle = slices[round(10 * LEAD_S) : round(10 * (SECONDS - 0.5))]
    result["turns"] = statistics.median(middle)
    return result


def judge(reader: Reader, out: Path) -> dict[str, float]:
    good = bad = 0
    for stack, count in reader.stacks(out):
        if is_possible(stack):
            good += count
        elif any(LINK.search(frame) for frame in stack):
            bad += count
    return {"samples_per_s": (good + bad) / SECONDS, "impossible": bad / max(good + bad, 1)}


def measure(rounds: int, threads: int) -> dict[str, list[dict[str, float]]]:
    rows: dict[str, list[dict[str, float]]] = {}
    everyone = readers()
    pythons = {reader.python for reader in everyone}
    for _ in range(rounds):
        bare: dict[tuple[str, ...], float] = {}
        took: list[tuple[str, tuple[str, ...], dict[str, float]]] = []
        turns: list[tuple[str, tuple[str, ...], Reader | None]]
        turns = [(reader.name, reader.python, reader) for reader in everyone]
        turns += [(name, python, None) for python in pythons for name in (BARE, AGAIN)]
        random.shuffle(turns)
        for name, python, reader in turns:
            # Below the checkout: the one folder that the chroot sees, too.
            with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
                found = turn(reader, python, Path(scratch), threads)
            if name == BARE:
                bare[python] = found["turns"]
            else:
                took.append((name, python, found))
        for name, python, found in took:
            found["ratio"] = bare[python] / max(found["turns"], 1)
            if name == AGAIN and python[-1] != sys.executable:
                name += ", of 3.15"
            rows.setdefault(name, []).append(found)
            print(name, found, flush=True)
    return rows


def table(rows: dict[str, list[dict[str, float]]]) -> str:
    lines = ["| reader | samples/s | impossible stacks | program's time, ratio |", "|---|---|---|---|"]
    order = [reader.name for reader in readers()]
    for name in sorted(rows, key=lambda name: order.index(name) if name in order else -1):
        found = rows[name]
        ratio = spread([f["ratio"] for f in found], 3)
        if "samples_per_s" not in found[0]:
            lines.append(f"| {name} | | | {ratio} |")
            continue
        reached = spread([f["samples_per_s"] for f in found], 0)
        impossible = statistics.median(f["impossible"] for f in found)
        lines.append(f"| {name} | {reached} | {impossible:.1%} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="threads of the program that wait")
    options = parser.parse_args()
    machine = describe_machine()
    rounds = 1 if options.quick else options.rounds
    rows = measure(rounds, options.threads)
    text = f"{table(rows)}\n\n{rounds} rounds in turns. {machine_line(machine)}"
    print(text)
    if not options.quick:
        save("attach", {"machine": machine, "rounds": rounds, "rows": rows})
        publish("attach", text)


if __name__ == "__main__":
    main()
