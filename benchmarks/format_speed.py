"""Wall time and peak memory of reading profiles of other formats than pprof's, beside gprof2dot.

    benchmarks/format_speed.py [--quick] [--megabytes N] [--rounds N]

Whole processes in turns: `whet prof top` and, where it is installed and knows the format, gprof2dot, which
reads the file and writes a pruned graph. Writes results/format_speed.json and the table in README.md (not
with --quick).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from machine import Usage, describe_machine, machine_line, publish, run, save, spread

MIB = 1 << 20
FUNCTIONS = 20_000
Frames = list[tuple[str, str, int]]


def stacks(rng: random.Random, shape: str) -> Callable[[], Frames]:
    """Return what draws a stack, root first: deep ones of known functions, new frames, or few short ones."""
    files = [f"/srv/app/pkg{i % 97}/module_{i % 211}.py" for i in range(FUNCTIONS)]

    def frame(i: int) -> tuple[str, str, int]:
        return f"function_{i}", files[i % FUNCTIONS], i % 900

    def draw() -> Frames:
        if shape == "deep stacks":
            return [frame(rng.randrange(FUNCTIONS)) for _ in range(rng.randrange(10, 50))]
        if shape == "different frames":
            return [frame(rng.randrange(1_000_000)) for _ in range(rng.randrange(1, 5))]
        return [(f"f{rng.randrange(300)}", "", 0) for _ in range(rng.randrange(2, 6))]

    return draw


def collapsed(path: Path, size_bytes: int, shape: str) -> None:
    draw, written = stacks(random.Random(1), shape), 0
    with path.open("w") as file:
        while written < size_bytes:
            names = [f"{name} ({place}:{line})" if place else name for name, place, line in draw()]
            written += file.write(";".join(names) + " 1\n")


def perf_script(path: Path, size_bytes: int, shape: str) -> None:
    draw, written = stacks(random.Random(1), shape), 0
    with path.open("w") as file:
        while written < size_bytes:
            rows = [f"\t{line + 4096:x} {name}+0x10 ({place})\n" for name, place, line in reversed(draw())]
            written += file.write(f"python 77/77 12.5: 1000000 cpu-clock:u: \n{''.join(rows)}\n")


def speedscope(path: Path, size_bytes: int, shape: str) -> None:
    draw, written = stacks(random.Random(1), shape), 0
    frames: dict[tuple[str, str, int], int] = {}
    samples: list[list[int]] = []
    while written < size_bytes:
        samples.append([frames.setdefault(frame, len(frames)) for frame in draw()])
        written += len(str(samples[-1]))
    shared = [{"name": name, "file": place, "line": line} for name, place, line in frames]
    part = {"type": "sampled", "name": "t", "unit": "seconds", "startValue": 0, "endValue": len(samples),
            "samples": samples, "weights": [0.01] * len(samples)}  # fmt: skip
    path.write_text(json.dumps({"shared": {"frames": shared}, "profiles": [part]}))


# What is written, the shape of its stacks, and gprof2dot's name of the format.
CASES = {
    "collapsed, deep stacks": (collapsed, "deep stacks", "collapse"),
    "collapsed, different frames": (collapsed, "different frames", "collapse"),
    "collapsed, short stacks": (collapsed, "short stacks", "collapse"),
    "perf script": (perf_script, "deep stacks", "perf"),
    "speedscope": (speedscope, "deep stacks", ""),
}


def measure(case: str, size_bytes: int, rounds: int) -> tuple[int, dict[str, list[Usage]]]:
    """Run the readers in turns on one file; return its size, too."""
    write, shape, peer_format = CASES[case]
    with tempfile.TemporaryDirectory(prefix="whet-format-speed-") as folder:
        path = Path(folder) / "profile"
        write(path, size_bytes, shape)
        commands = {"whet prof top": [sys.executable, "-m", "whet", "prof", "top", str(path)]}
        if peer_format and importlib.util.find_spec("gprof2dot"):
            commands["gprof2dot"] = [
                sys.executable, "-m", "gprof2dot", "-f", peer_format, "-o", f"{path}.dot", str(path),
            ]  # fmt: skip
        usages: dict[str, list[Usage]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                if all(usage.status == 0 for usage in usages[name]):
                    usages[name].append(run(command))
        if usages["whet prof top"][-1].status:
            raise SystemExit(f"whet fails on {case}")
        return path.stat().st_size, usages


def rows(case: str, size_bytes: int, usages: dict[str, list[Usage]]) -> list[str]:
    """Return the rows of one file."""
    found = []
    for name, theirs in usages.items():
        if theirs[-1].status:
            found.append(f"| {case} | {name} | fails | | | |")
            continue
        wall = [usage.wall_s for usage in theirs]
        peak = statistics.median(usage.peak_bytes for usage in theirs)
        speed = size_bytes / 1e6 / statistics.median(wall)
        found.append(
            f"| {case} | {name} | {spread(wall)} | {speed:.1f} | {peak / MIB:.0f} | {peak / size_bytes:.1f} |"
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round of 4 MB; write nothing")
    parser.add_argument("--megabytes", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    megabytes, rounds = (4, 1) if given.quick else (given.megabytes, given.rounds)
    machine = describe_machine()
    table: list[str] = []
    files: dict[str, object] = {}
    for case in CASES:
        size_bytes, usages = measure(case, megabytes * 1_000_000, rounds)
        files[case] = {
            "size_bytes": size_bytes,
            "wall_s": {name: [u.wall_s for u in theirs] for name, theirs in usages.items()},
            "peak_bytes": {name: [u.peak_bytes for u in theirs] for name, theirs in usages.items()},
        }
        table += rows(case, size_bytes, usages)
        print("\n".join(table[-len(usages) :]), flush=True)
    if not given.quick:
        save("format_speed", {"machine": machine, "files": files})
        head = ["| file | reader | seconds | MB/s | peak MiB | peak / file |", "|---|---|---|---|---|---|"]
        publish("format_speed", "\n".join([*head, *table, "", machine_line(machine)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
