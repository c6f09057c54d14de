"""How often `whet prof compare` is wrong: same against same, and known changes.

Usage: python benchmarks/compare_errors.py [--runs DIR] [--quick]

Records benchmarks/programs/stdlib_mix.py 24 times at 1 kHz and 12 times at 100 Hz into DIR (a
directory that has recordings already is used as it is), then prints a table and puts it into README.md:

- simulated: both sides drawn from the distribution of stacks that was recorded, one run a side;
- replicates: random splits of real runs of the same program;
- shift: one function's share moved by four points, the rest scaled.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from machine import describe_machine, machine_line, publish, save

from whet.analyze.profile.changes import Verdict
from whet.analyze.profile.compare import Comparison, compare
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.report import prepare
from whet.analyze.profile.runs import Run, build_run
from whet.driver.sources import load_profiles
from whet.model.profile import Profile

F64 = npt.NDArray[np.float64]
PROGRAM = Path(__file__).parent / "programs" / "stdlib_mix.py"
PERIOD_NS = 10_000_000


def record(folder: Path, name: str, rate_hz: int, rounds: int) -> str:
    target = folder / name
    if not target.exists():
        options = ["-q", "--no-report", f"--rate={rate_hz}", "-o", str(target)]
        command = [sys.executable, "-m", "whet", "run", *options, str(PROGRAM), str(rounds)]
        subprocess.run(command, check=True)
    return str(target)


def recorded(folder: Path) -> tuple[list[str], list[str]]:
    """Return the recordings at 1 kHz and those at 100 Hz, made in turns."""
    fast, slow = [], []
    for i in range(24):
        fast.append(record(folder, f"k{i + 1}", 1000, 160))
        if i % 2:
            slow.append(record(folder, f"h{i // 2 + 1}", 100, 160))
    return fast, slow


def as_run(profile: Profile, source: str) -> Run:
    loaded, _ = as_loaded(profile)
    return build_run(prepare(loaded, Config(), Defaults(trim=False)), source)


class Drawer:
    """Draws runs of given numbers of samples from a distribution of stacks."""

    def __init__(self, profile: Profile, share: F64 | None = None) -> None:
        counts = profile.samples.values[:, 0].astype(float)
        self.profile = profile
        self.share = counts / counts.sum() if share is None else share

    def draw(self, samples: int, rng: np.random.Generator) -> Run:
        counts = rng.multinomial(samples, self.share)
        values = np.stack([counts, counts * PERIOD_NS], axis=1)
        drawn = replace(self.profile, samples=replace(self.profile.samples, values=values), comments=[])
        return as_run(drawn, "drawn")

    def shifted(self, function: str, points: float) -> Drawer:
        """Return a drawer whose stacks that end in `function` have `points` more of the whole."""
        leaf = self.profile.samples.stack[self.profile.samples.stack_start[:-1]]
        locations = self.profile.locations
        rows = locations.line_function[locations.line_start[leaf]]
        names = [self.profile.strings.text(int(i)) for i in self.profile.functions.name]
        here = np.array([names[row] == function for row in rows])
        old = self.share[here].sum()
        factor = np.where(here, (old + points) / old, (1 - old - points) / (1 - old))
        return Drawer(self.profile, self.share * factor)


def splits(
    runs: list[Run], side: int, comparisons: int, rng: np.random.Generator, measure: str
) -> Iterator[Comparison]:
    for _ in range(comparisons):
        chosen = [runs[i] for i in rng.permutation(len(runs))[: 2 * side]]
        yield compare(chosen[:side], chosen[side:], measure=measure)


def pairs(old: Callable[[], Run], new: Callable[[], Run], comparisons: int) -> Iterator[Comparison]:
    for _ in range(comparisons):
        yield compare([old()], [new()])


@dataclass
class Row:
    """How the comparisons of one kind went."""

    name: str
    comparisons: int = 0
    reporting: int = 0
    nodes: int = 0
    changed: int = 0
    undecided: int = 0
    found: int | None = None

    def add(self, comparison: Comparison, watched: str) -> None:
        tally = comparison.tally()
        self.comparisons += 1
        self.reporting += tally.changed > 0
        self.changed += tally.changed
        self.undecided += tally.cannot_tell
        self.nodes += len(comparison.table.names)
        if watched:
            row = comparison.table.names.index(watched)
            self.found = (self.found or 0) + int(comparison.flat.verdict[row] == Verdict.CHANGED)

    def text(self) -> str:
        n = self.comparisons
        found = "" if self.found is None else f"{self.found / n:.1%}"
        return (
            f"| {self.name} | {n} | {self.reporting / n:.1%} | {self.changed / self.nodes:.2%} "
            f"| {self.undecided / self.nodes:.1%} | {found} |"
        )


Case = tuple[str, Iterator[Comparison], str]


def drawn_cases(drawer: Drawer, n: int, rng: np.random.Generator) -> Iterator[Case]:
    def draw(source: Drawer, samples: int) -> Callable[[], Run]:
        return lambda: source.draw(samples, rng)

    for old, new in ((1_000, 1_000), (10_000, 10_000), (1_000, 10_000), (100_000, 100_000)):
        drawn = pairs(draw(drawer, old), draw(drawer, new), n)
        yield f"the same distribution, {old:,} against {new:,} samples", drawn, ""
    for function in ("ast.parse", "json.loads", "tokenize._tokenize"):
        moved = drawer.shifted(function, 0.04)
        drawn = pairs(draw(drawer, 10_000), draw(moved, 10_000), n // 4)
        yield f"4 points more in {function}, 10,000 samples", drawn, function


def replicate_cases(fast: list[Run], slow: list[Run], n: int, rng: np.random.Generator) -> Iterator[Case]:
    for side in (1, 2, 3, 5, 10):
        yield f"the same program at 1 kHz, {side} a side", splits(fast, side, n, rng, "share"), ""
    for side in (1, 3, 6):
        yield f"the same program at 100 Hz, {side} a side", splits(slow, side, n, rng, "share"), ""
    for measure in ("run", "second"):
        for side in (3, 5, 10):
            yield f"the same, per {measure}, {side} a side", splits(fast, side, n, rng, measure), ""
    yield "100 Hz against 1 kHz, 1 a side", (compare([a], [b]) for a in slow for b in fast), ""
    yield "100 Hz against 1 kHz, 3 a side", crossed(slow, fast, n, rng), ""
    yield "100 Hz against 1 kHz, all", iter([compare(slow, fast)]), ""


def crossed(slow: list[Run], fast: list[Run], n: int, rng: np.random.Generator) -> Iterator[Comparison]:
    for _ in range(n):
        some = rng.permutation(len(slow))[:3], rng.permutation(len(fast))[:3]
        yield compare([slow[i] for i in some[0]], [fast[i] for i in some[1]])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--quick", action="store_true", help="50 comparisons of each kind; write nothing")
    options = parser.parse_args()
    machine, began = describe_machine(), time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        fast_names, slow_names = recorded(options.runs or Path(temporary))
        whole = load_profiles(fast_names)
        fast = [as_run(load_profiles([name]), name) for name in fast_names]
        slow = [as_run(load_profiles([name]), name) for name in slow_names]
    rng, n = np.random.default_rng(3), 50 if options.quick else 1000
    lines = [
        "| comparison | number | any change reported | of all functions | cannot tell | change found |",
        "|---|---|---|---|---|---|",
    ]
    print(*lines, sep="\n")
    rows = []
    for name, comparisons, watched in (
        *drawn_cases(Drawer(whole), n, rng),
        *replicate_cases(fast, slow, n, rng),
    ):
        row = Row(name)
        for comparison in comparisons:
            row.add(comparison, watched)
        rows.append(row)
        lines.append(row.text())
        print(lines[-1], flush=True)
    if not options.quick:
        save("compare_errors", {"machine": machine, "rows": [asdict(row) for row in rows]})
        minutes = (time.monotonic() - began) / 60
        note = f"One program, {len(fast)} and {len(slow)} recordings; {minutes:.0f} minutes."
        publish("compare_errors", "\n".join([*lines, "", f"{note} {machine_line(machine)}"]))


if __name__ == "__main__":
    main()
