"""Readers of a running process beside each other: samples reached, stacks that cannot be, the program's loss.

    benchmarks/attach.py [--quick] [--rounds N] [--more]

The program (programs/call_chains.py) makes nothing but short calls along two chains that never mix, so that
every torn stack shows, and keeps a book of its speed. One runs for all readers of its Python; in each round
they take turns in random order, each between two times without any. The loss is that of the middle of a
reader's turn to what lies around it: turns per second of the program's own CPU clock, and per second on the
wall; medians with their 95 % intervals, from the order of the rounds (so that few rounds give wide ones).
Where a chroot has Python 3.15, its `profiling.sampling` reads a 3.15 program beside whet doing the same.
Writes results/attach.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import math
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attach_cost import interval, shown, speed
from machine import HERE, ROOT, describe_machine, load, machine_line, publish, save, spread
from profilers import VENV

from whet.formats.pprof import decode

PROGRAM = HERE / "programs/call_chains.py"
SECONDS = 3.0  # for which a reader reads
MIDDLE_S = 1.4, 2.9  # of its turn: it surely reads then
ALONE_S = 1.0  # before and after that
AGAIN = "no reader"
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
    failed: Callable[[Path, str], float]
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


def failed_looks(path: Path, _said: str) -> float:
    """Return the share of whet's looks that were left out."""
    profile = decode((path / "cpu.pb.gz").read_bytes())
    texts = profile.strings.texts()
    numbers = {
        name: float(value.split()[0])
        for comment in profile.comments
        if (match := re.match(r"whet: (\w+)=(.*)", texts[comment]))
        for name, value in [match.groups()]
    }
    return (numbers.get("moved", 0) + numbers.get("rejected", 0)) / numbers["looks"]


def failed_samples(_path: Path, said: str) -> float:
    """Return py-spy's share of errors, by what it says in the end."""
    match = re.search(r"Samples: (\d+) Errors: (\d+)", said)
    return int(match[2]) / max(int(match[1]) + int(match[2]), 1) if match else 0.0


def failed_reads(_path: Path, said: str) -> float:
    """Return the share of errors that profiling.sampling tells."""
    match = re.search(r"[Ee]rror rate[^0-9]*([\d.]+)", said)
    return float(match[1]) / 100 if match else 0.0


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
    def ours(name: str, rate: int, *python: str) -> Reader:
        return Reader(name, whet(rate), of_recording, failed_looks, python or (sys.executable,))

    found = [
        ours("whet attach, 100 Hz", 100),
        ours("whet attach, 1 kHz", 1000),
        ours("whet attach, 10 kHz", 10_000),
    ]
    if (VENV / "bin/py-spy").exists():
        found += [
            Reader("py-spy, 100 Hz", py_spy(100), of_collapsed, failed_samples),
            Reader("py-spy, 1 kHz", py_spy(1000), of_collapsed, failed_samples),
            Reader("py-spy, 10 kHz", py_spy(10_000), of_collapsed, failed_samples),
            Reader(
                "py-spy --nonblocking, 1 kHz", py_spy(1000, "--nonblocking"), of_collapsed, failed_samples
            ),
        ]
    newer = subprocess.run([CHROOT[0], "versions"], capture_output=True, text=True, check=False).stdout
    if "3.15" in newer.split():
        inside = (*CHROOT, "python3.15")
        name = "3.15 profiling.sampling"
        found += [
            ours("whet attach, 100 Hz, of 3.15", 100, *inside),
            ours("whet attach, 1 kHz, of 3.15", 1000, *inside),
            Reader(f"{name}, 100 Hz", sampling(100), of_collapsed, failed_reads, inside),
            Reader(f"{name}, 1 kHz", sampling(1000), of_collapsed, failed_reads, inside),
            Reader(
                f"{name} --blocking, 1 kHz", sampling(1000, "--blocking"), of_collapsed, failed_reads, inside
            ),
        ]
    return found


@dataclass
class Turn:
    """What a reader did in its turn, and when it surely did it."""

    name: str
    begin_s: float
    end_s: float = 0.0
    found: dict[str, float] = field(default_factory=dict)


def take_turn(name: str, reader: Reader | None, pid: int) -> Turn:
    """Have a reader read the program, or nobody for as long."""
    turn = Turn(name, time.monotonic())
    if reader is None:
        time.sleep(SECONDS)
    else:
        # Below the checkout: the one folder that the chroot sees, too.
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
            out = Path(scratch, "out")
            command = reader.command(pid, str(out))
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr[-500:]}")
            turn.found = judge(reader, out, done.stdout + done.stderr)
    turn.end_s = time.monotonic()
    return turn


def judge(reader: Reader, out: Path, said: str) -> dict[str, float]:
    good = bad = 0
    for stack, count in reader.stacks(out):
        if is_possible(stack):
            good += count
        elif any(LINK.search(frame) for frame in stack):
            bad += count
    return {
        "samples_per_s": (good + bad) / SECONDS,
        "impossible": bad / max(good + bad, 1),
        "failed": reader.failed(out, said),
    }


def round_of(python: tuple[str, ...], everyone: Sequence[Reader]) -> Iterator[tuple[str, dict[str, float]]]:
    """Have all readers of a Python take their turns at one program; yield what each reached."""
    turns: list[tuple[str, Reader | None]] = [(reader.name, reader) for reader in everyone]
    version = "" if python == (sys.executable,) else ", of 3.15"
    turns = random.sample([*turns, (AGAIN + version, None)], len(turns) + 1)
    command = [*python, str(PROGRAM)]
    taken = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(2 * ALONE_S)
        for name, reader in turns:
            taken.append(take_turn(name, reader, real_pid(child.pid)))
            time.sleep(1.2 * ALONE_S)
        out, _ = child.communicate("")
    slices = [tuple(int(word) for word in line.split()) for line in out.splitlines()]
    for turn in taken:
        middle = speed(slices, turn.begin_s + MIDDLE_S[0], turn.begin_s + MIDDLE_S[1])
        before = speed(slices, turn.begin_s - ALONE_S, turn.begin_s)
        after = speed(slices, turn.end_s + 0.1 * ALONE_S, turn.end_s + 1.1 * ALONE_S)
        for kind, on, one, other in zip(("cpu", "wall"), middle, before, after, strict=True):
            turn.found[kind] = math.log((one + other) / 2 / max(on, 1e-12))
        yield turn.name, turn.found


def real_pid(pid: int) -> int:
    """Return the program below what brings it into its folder, or itself."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


def measure(rounds: int) -> dict[str, list[dict[str, float]]]:
    rows: dict[str, list[dict[str, float]]] = {}
    everyone = readers()
    for _ in range(rounds):
        for python in {reader.python for reader in everyone}:
            for name, found in round_of(python, [one for one in everyone if one.python == python]):
                rows.setdefault(name, []).append(found)
                print(name, found, flush=True)
    return rows


def table(rows: Mapping[str, list[dict[str, float]]]) -> str:
    lines = [
        "| reader | samples/s | impossible stacks | failed | slower per CPU s | slower per wall s |",
        "|---|---|---|---|---|---|",
    ]
    order = [reader.name for reader in readers()]
    for name in sorted(rows, key=lambda name: order.index(name) if name in order else -1):
        found = rows[name]
        losses = " | ".join(shown(interval([one[kind] for one in found])) for kind in ("cpu", "wall"))
        if "samples_per_s" not in found[0]:
            lines.append(f"| {name} | | | | {losses} |")
            continue
        reached = spread([one["samples_per_s"] for one in found], 0)
        shares = (statistics.median(one[kind] for one in found) for kind in ("impossible", "failed"))
        lines.append(f"| {name} | {reached} | {' | '.join(f'{share:.1%}' for share in shares)} | {losses} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, nothing is written")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--more", action="store_true", help="add to the rounds that were saved")
    options = parser.parse_args()
    machine = describe_machine()
    rows = measure(1 if options.quick else options.rounds)
    if options.more:
        for name, found in load("attach").get("rows", {}).items():
            rows[name] = [*found, *rows.get(name, [])]
    rounds = max(len(found) for found in rows.values())
    text = f"{table(rows)}\n\n{rounds} rounds in turns. {machine_line(machine)}"
    print(text)
    if not options.quick:
        save("attach", {"machine": machine, "rows": rows})
        publish("attach", text)


if __name__ == "__main__":
    main()
