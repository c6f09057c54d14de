"""Wall time and peak memory of `whet prof` beside `go tool pprof` on the same profiles.

    benchmarks/prof_speed.py [--quick] [--samples N,...] [--rounds N] [--merged N]

Whole processes, start-up included, one after the other in turns; a ratio is that of whet to pprof, the
median of the pairs. The largest profile gets a third of the rounds, as pprof takes long for it, and no
difference. Merging is measured on different numbers of files, because pprof holds all of them in memory.
Writes results/prof_speed.json and the tables in README.md (not with --quick).
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
WHET = [sys.executable, "-m", "whet", "prof"]
PPROF = ["go", "tool", "pprof"]
LARGE = 1_000_000
FILES_FOR_PPROF = 50
MERGED_SAMPLES = 20_000

Pairs = list[tuple[Usage, Usage]]


def make_profile(path: Path, *options: str) -> None:
    """Make input in a process of its own: a child's peak starts at that of its parent."""
    script = Path(__file__).with_name("make_profile.py")
    subprocess.run([sys.executable, str(script), str(path), *options], check=True)


def checked(command: Sequence[str]) -> Usage:
    """Run a command that must succeed."""
    usage = run(command)
    if usage.status:
        raise SystemExit(f"{' '.join(command[:6])}: exit status {usage.status}")
    return usage


def reports(folder: Path, samples: int) -> dict[str, list[str]]:
    """Return what is compared: the arguments that both commands take."""
    path, base, out = (str(folder / name) for name in ("new.pb.gz", "base.pb.gz", "out.pb.gz"))
    listed = {"top": ["-top", path], "proto": ["-proto", f"-output={out}", path]}
    if samples < LARGE:
        listed["top -diff_base"] = ["-top", f"-diff_base={base}", path]
    return listed


def measure(samples: int, rounds: int) -> dict[str, Pairs]:
    """Run the commands in turns on profiles of one size."""
    with tempfile.TemporaryDirectory(prefix="whet-prof-speed-") as name:
        folder = Path(name)
        make_profile(folder / "new.pb.gz", f"--samples={samples}")
        if samples < LARGE:
            make_profile(folder / "base.pb.gz", f"--samples={samples}", "--seed=2")
        found: dict[str, Pairs] = {}
        for report, arguments in reports(folder, samples).items():
            pairs = [(checked([*WHET, *arguments]), checked([*PPROF, *arguments])) for _ in range(rounds)]
            found[report] = pairs
    return found


def measure_merging(files: int) -> dict[str, Usage]:
    """Merge profiles of one program: all with whet, the first few with both."""
    with tempfile.TemporaryDirectory(prefix="whet-prof-merge-") as name:
        folder = Path(name) / "profiles"
        make_profile(folder, f"--draws={files}", f"--samples={MERGED_SAMPLES}")
        paths = sorted(map(str, folder.iterdir()))
        few = paths[:FILES_FOR_PPROF]
        proto = ["-proto", f"-output={name}/out.pb.gz"]
        return {
            f"whet, {len(few):,} files": checked([*WHET, *proto, *few]),
            f"pprof, {len(few):,} files": checked([*PPROF, *proto, *few]),
            f"whet, {len(paths):,} files": checked([*WHET, *proto, *paths]),
        }


def row(samples: int, report: str, pairs: Pairs) -> str:
    """Return the row of one report."""
    sides = list(zip(*pairs, strict=True))
    wall = [spread([usage.wall_s for usage in side]) for side in sides]
    peak = [f"{statistics.median(usage.peak_bytes for usage in side) / MIB:.0f}" for side in sides]
    faster = statistics.median(ours.wall_s / theirs.wall_s for ours, theirs in pairs)
    smaller = statistics.median(ours.peak_bytes / theirs.peak_bytes for ours, theirs in pairs)
    cells = (f"{samples:,}", report, *wall, f"{faster:.3f}", *peak, f"{smaller:.2f}")
    return f"| {' | '.join(cells)} |"


def numbers(pairs: Pairs) -> list[list[list[float]]]:
    """Return the raw numbers of a report's runs."""
    return [[[u.wall_s, u.peak_bytes] for u in pair] for pair in pairs]


def tables(measured: dict[int, dict[str, Pairs]], merged: dict[str, Usage]) -> str:
    """Format everything that was measured."""
    lines = [
        "| samples | report | whet, s: median (range) | pprof, s | ratio | whet, MiB | pprof, MiB | ratio |",
        "|---|---|---|---|---|---|---|---|",
        *(row(n, report, pairs) for n, found in measured.items() for report, pairs in found.items()),
        "",
        f"Merging profiles of {MERGED_SAMPLES:,} samples each into one, of a program with 100,000 stacks:",
        "",
        "| | s | peak, MiB |",
        "|---|---|---|",
        *(f"| {name} | {u.wall_s:.1f} | {u.peak_bytes / MIB:.0f} |" for name, u in merged.items()),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="whet prof beside go tool pprof")
    parser.add_argument("--quick", action="store_true", help="small profiles, nothing written")
    parser.add_argument("--samples", default="20000,300000,1500000", help="sizes of the profiles")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--merged", type=int, default=1000, help="how many files are merged")
    options = parser.parse_args()
    if not shutil.which("go"):
        raise SystemExit("no go command on PATH: nothing to compare with")
    sizes = [2000] if options.quick else [int(n) for n in options.samples.split(",")]
    rounds = 3 if options.quick else options.rounds

    machine = describe_machine()
    measured = {n: measure(n, rounds if n < LARGE else max(1, rounds // 3)) for n in sizes}
    merged = measure_merging(4 if options.quick else options.merged)
    text = tables(measured, merged)
    print(text)
    if not options.quick:
        raw = {
            n: {report: numbers(pairs) for report, pairs in found.items()} for n, found in measured.items()
        }
        merging = {name: [u.wall_s, u.peak_bytes] for name, u in merged.items()}
        units = "wall_s and peak_bytes of whet and of pprof"
        save("prof_speed", {"machine": machine, "units": units, "reports": raw, "merging": merging})
        note = f"{rounds} rounds in turns, a third of them from {LARGE:,} samples on."
        publish("prof_speed", f"{text}\n\n{note} {machine_line(machine)}")


if __name__ == "__main__":
    main()
