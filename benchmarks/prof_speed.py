"""Wall time and peak memory of `whet prof top` beside `go tool pprof -top` on the same profile.

    benchmarks/prof_speed.py [--quick] [--samples N,...] [--rounds N]

Whole processes, start-up included, one after the other in turns. `go tool pprof` first finds and starts
the pprof binary; the row "pprof" is that binary alone. Writes results/prof_speed.json and the table in
README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from machine import Usage, describe_machine, machine_line, publish, run, save, spread

MIB = 1 << 20
WHET = "whet prof top"
GO = "go tool pprof -top"


def make_profile(path: Path, samples: int) -> None:
    """Make the input in a process of its own: a child's peak starts at that of its parent."""
    script = Path(__file__).with_name("make_profile.py")
    subprocess.run([sys.executable, str(script), str(path), f"--samples={samples}"], check=True)


def commands(path: str) -> dict[str, list[str]]:
    """Return what is compared, by name."""
    listed = {WHET: [sys.executable, "-m", "whet", "prof", "top", path]}
    if not shutil.which("go"):
        print("no go command on PATH: nothing to compare with")
        return listed
    listed[GO] = ["go", "tool", "pprof", "-top", path]
    found = subprocess.run(["go", "tool", "-n", "pprof"], capture_output=True, text=True, check=False)
    binary = found.stdout.strip()
    if Path(binary).exists():
        listed["pprof -top (the binary)"] = [binary, "-top", path]
    return listed


def measure(samples: int, rounds: int) -> dict[str, list[Usage]]:
    """Run the commands in turns on one profile."""
    with tempfile.TemporaryDirectory(prefix="whet-prof-speed-") as folder:
        path = Path(folder) / "profile.pb.gz"
        make_profile(path, samples)
        listed = commands(str(path))
        usages: dict[str, list[Usage]] = {name: [] for name in listed}
        for _ in range(rounds):
            for name, command in listed.items():
                usage = run(command)
                if usage.status:
                    raise SystemExit(f"{' '.join(command)}: exit status {usage.status}")
                usages[name].append(usage)
    return usages


def rows(samples: int, usages: dict[str, list[Usage]]) -> list[str]:
    """Return the rows of one profile; ratios are those of whet to the row's command, in pairs."""
    ours = usages[WHET]
    return [
        f"| {samples:,} | {name} | {spread([u.wall_s for u in theirs])} | {_ratio(ours, theirs)} |"
        for name, theirs in usages.items()
    ]


def _ratio(ours: Sequence[Usage], theirs: Sequence[Usage]) -> str:
    wall = statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))
    memory = statistics.median(a.peak_bytes / b.peak_bytes for a, b in zip(ours, theirs, strict=True))
    peak = statistics.median(u.peak_bytes for u in theirs) / MIB
    return f"{wall:.2f} | {peak:.0f} | {memory:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="whet prof top beside go tool pprof -top")
    parser.add_argument("--quick", action="store_true", help="one small profile, nothing written")
    parser.add_argument("--samples", default="20000,300000", help="sizes of the profiles")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    sizes = [2000] if options.quick else [int(n) for n in options.samples.split(",")]
    rounds = 3 if options.quick else options.rounds

    machine = describe_machine()
    measured = {n: measure(n, rounds) for n in sizes}
    lines = [
        "| samples | command | wall time, s: median (lowest–highest) | ratio | peak, MiB | ratio |",
        "|---|---|---|---|---|---|",
        *(row for n, usages in measured.items() for row in rows(n, usages)),
    ]
    text = "\n".join(lines)
    print(text)
    if not options.quick:
        raw = {
            n: {name: [[u.wall_s, u.peak_bytes] for u in found] for name, found in usages.items()}
            for n, usages in measured.items()
        }
        save("prof_speed", {"machine": machine, "wall_s and peak_bytes": raw})
        publish("prof_speed", f"{text}\n\n{rounds} rounds in turns. {machine_line(machine)}")


if __name__ == "__main__":
    main()
