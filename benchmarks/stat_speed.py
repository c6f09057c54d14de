"""Wall time and peak memory of `whet stat` beside benchstat on 23 MB of results.

    benchmarks/stat_speed.py [--quick] [--rounds N]

Two files of 5,000 benchmarks, 20 runs and 4 units each, once as `go test` prints them (times of a few
digits are often equal, and tests under ties take long) and once with so many digits that no two are.
Whole processes in turns. benchstat is built by `go install`, pinned. Writes results/stat_speed.json
and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import Usage, describe_machine, machine_line, publish, run, save, spread

BENCHSTAT = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"
BENCHMARKS, RUNS = 5000, 20
WHET = "whet stat"
MIB = 1 << 20


def write(path: Path, shift: float, digits: int | None, benchmarks: int) -> None:
    """Write results; with `digits` after the point, else as `go test` rounds."""
    with path.open("w", encoding="ascii") as file:
        file.write("goos: linux\ngoarch: amd64\npkg: example.org/p\n")
        for number in range(benchmarks):
            own = random.Random(number)
            center, size = own.lognormvariate(8, 2) * shift, own.randint(0, 5000)
            noise = random.Random(f"{number} {shift}")
            name = f"Thing{number:04d}/size={number % 16}/kind=x{number % 7}-8"
            for _ in range(RUNS):
                ns = center * noise.lognormvariate(0, 0.02)
                time = f"{ns:.{digits}f}" if digits else f"{ns:.1f}" if ns < 1000 else f"{ns:.0f}"
                speed = f"{1e5 / ns:.{digits + 1 if digits else 2}f}"
                file.write(
                    f"Benchmark{name}\t{int(1e9 / ns):8d}\t{time:>10} ns/op\t{speed:>7} MB/s"
                    f"\t{size:8d} B/op\t{size // 64:8d} allocs/op\n"
                )


def benchstat(folder: Path) -> str | None:
    """Build benchstat; None where that cannot be."""
    if not shutil.which("go"):
        print("no go command on PATH: nothing to compare with")
        return None
    environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
    built = subprocess.run(["go", "install", BENCHSTAT], env=environment, check=False)
    return None if built.returncode else str(folder / "benchstat")


def measure(binary: str | None, folder: Path, rounds: int) -> dict[str, list[Usage]]:
    """Run the commands in turns on the files of a folder."""
    files = [str(folder / "old.txt"), str(folder / "new.txt")]
    listed = {WHET: [sys.executable, "-m", "whet", "stat", *files]}
    if binary:
        listed["benchstat"] = [binary, *files]
    usages: dict[str, list[Usage]] = {name: [] for name in listed}
    for _ in range(rounds):
        for name, command in listed.items():
            usage = run(command)
            if usage.status:
                raise SystemExit(f"{' '.join(command)}: exit status {usage.status}")
            usages[name].append(usage)
    return usages


def rows(what: str, usages: dict[str, list[Usage]]) -> list[str]:
    """Return the rows of one kind of data; ratios are those of whet to the row's command, in pairs."""
    ours, out = usages[WHET], list[str]()
    for name, theirs in usages.items():
        ratio = statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))
        peak = statistics.median(u.peak_bytes for u in theirs) / MIB
        out.append(f"| {what} | {name} | {spread([u.wall_s for u in theirs])} | {ratio:.2f} | {peak:.0f} |")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="whet stat beside benchstat")
    parser.add_argument("--quick", action="store_true", help="few benchmarks, nothing written")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    benchmarks, rounds = (100, 2) if options.quick else (BENCHMARKS, options.rounds)

    machine = describe_machine()
    measured: dict[str, dict[str, list[Usage]]] = {}
    with tempfile.TemporaryDirectory(prefix="whet-stat-speed-") as name:
        folder = Path(name)
        binary = benchstat(folder)
        for what, digits in (("as go test prints", None), ("no two times equal", 6)):
            write(folder / "old.txt", 1.0, digits, benchmarks)
            write(folder / "new.txt", 1.01, digits, benchmarks)
            measured[what] = measure(binary, folder, rounds)
    lines = [
        "| data | command | wall time, s: median (lowest–highest) | ratio | peak, MiB |",
        "|---|---|---|---|---|",
        *(row for what, usages in measured.items() for row in rows(what, usages)),
    ]
    text = "\n".join(lines)
    print(text)
    if not options.quick:
        raw = {
            what: {command: [[u.wall_s, u.peak_bytes] for u in found] for command, found in usages.items()}
            for what, usages in measured.items()
        }
        save("stat_speed", {"machine": machine, "wall_s and peak_bytes": raw})
        publish("stat_speed", f"{text}\n\n{rounds} rounds in turns. {machine_line(machine)}")


if __name__ == "__main__":
    main()
