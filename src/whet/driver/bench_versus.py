"""Comparing two versions of a project while they are measured.

A pair is one process of each side, in random order, with the same hash seed, valued where the machine was as
fast as in the fastest moments of both. A benchmark gets pairs until a test that may be looked at after every
one of them decides, or until its time is over. All benchmarks take turns, so that none of them gets the quiet
part of the hour.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from whet.analyze.bench.estimate import ProcessValue, Slice, full_speed, process_value
from whet.analyze.bench.sequential import OPEN, Decision, decide
from whet.driver.bench_process import MAX_HASH_SEED, Found, Side, ask, loops_alone, measuring
from whet.driver.bench_revisions import Sides
from whet.driver.full_speed import FullSpeed
from whet.errors import SourceError

__all__ = ["Comparison", "VersusOptions", "compare"]

# The slices of a benchmark, and those of the same loop around nothing.
_Reading = tuple[Sequence[Slice], Sequence[Slice]]


@dataclass(frozen=True)
class VersusOptions:
    """How to compare.

    Attributes:
        pattern: which sub-benchmarks.
        slice_s: time in the loop of one process.
        limit_s: time for one benchmark, both sides together, starting of processes included.
        margin: the relative difference that does not matter.
        seed: of the order and the hash seeds.
    """

    pattern: tuple[str, ...] = (".",)
    slice_s: float = 0.05
    limit_s: float = 10.0
    margin: float = 0.02
    seed: int | None = None


@dataclass
class Comparison:
    """What is known of one benchmark.

    Attributes:
        old_ns, new_ns: ns per operation, of each pair.
        quiet: whether both sides of the pair had quiet moments at the same speed of the machine.
        decision: None as long as there is none.
        error: why there is nothing, else empty.
    """

    name: str
    old_ns: list[float] = field(default_factory=list)
    new_ns: list[float] = field(default_factory=list)
    quiet: list[bool] = field(default_factory=list)
    decision: Decision | None = None
    error: str = ""

    def add(self, old: ProcessValue, new: ProcessValue, margin: float) -> None:
        """Add a pair; what is too fast to be told from the loop itself is none."""
        if min(old.ns_per_op, new.ns_per_op) <= 0:
            return
        self.old_ns.append(old.ns_per_op)
        self.new_ns.append(new.ns_per_op)
        self.quiet.append(old.filtered and new.filtered)
        ratios = [math.log(new / old) for old, new in zip(self.old_ns, self.new_ns, strict=True)]
        self.decision = decide(ratios, margin, quiet=self.quiet)

    @property
    def is_open(self) -> bool:
        """Whether more pairs could tell more."""
        return not self.error and (self.decision is None or self.decision.verdict == OPEN)


def compare(
    found: list[Found], sides: Sides, options: VersusOptions, progress: Callable[[str], None] = lambda _: None
) -> list[Comparison]:
    """Measure both sides of every benchmark until all is decided or the time is over."""
    order, slow_from_ns = random.Random(options.seed), FullSpeed().slow_from_ns
    by_function: list[dict[str, Comparison]] = [{} for _ in found]
    spent_s = [0.0] * len(found)
    waiting = list(range(len(found)))
    pairs = 0
    while waiting:
        for index in order.sample(waiting, len(waiting)):
            begin_s = time.monotonic()
            pairs += 1
            progress(f"pair {pairs}: {found[index].function}")
            _pair(found[index], sides, options, order, slow_from_ns, by_function[index])
            spent_s[index] += time.monotonic() - begin_s
        waiting = [
            index
            for index in waiting
            if spent_s[index] < options.limit_s and any(c.is_open for c in by_function[index].values())
        ]
    return [comparison for comparisons in by_function for comparison in comparisons.values()]


def _pair(
    which: Found,
    sides: Sides,
    options: VersusOptions,
    order: random.Random,
    slow_from_ns: int,
    known: dict[str, Comparison],
) -> None:
    seed = order.randint(1, MAX_HASH_SEED)
    readings: dict[str, dict[str, _Reading]] = {}
    for name, side in order.sample([("old", sides.old), ("new", sides.new)], 2):
        try:
            readings[name] = _readings(which, sides, side, options, slow_from_ns, seed)
        except SourceError as error:
            known.setdefault(which.function, Comparison(which.function)).error = f"{name} side: {error}"
            return
    for name, new in readings["new"].items():
        one = known.setdefault(name, Comparison(name))
        if name in readings["old"]:
            one.add(*_at_one_speed(readings["old"][name], new), options.margin)
        else:
            one.error = "the old side has no such benchmark"


def _at_one_speed(old: _Reading, new: _Reading) -> tuple[ProcessValue, ProcessValue]:
    """Return the values of both sides at the full speed that either of them saw."""
    speeds = [speed for speed in (full_speed(old[0]), full_speed(new[0])) if speed]
    fastest_ns = min(speeds, default=0.0)
    return process_value(*old, fastest_ns), process_value(*new, fastest_ns)


def _readings(
    which: Found, sides: Sides, side: Side, options: VersusOptions, slow_from_ns: int, seed: int
) -> dict[str, _Reading]:
    """Return slices, and those of the loop alone, by name, from one process of one side.

    Raises:
        SourceError: the process failed, or a benchmark in it.
    """
    job = sides.job(which.job, side)
    request = measuring(
        job, which.function, options.pattern, budget_s=options.slice_s, slow_from_ns=slow_from_ns
    )
    answers = list(ask(request, seed=seed, side=side))
    overhead = loops_alone(answers)
    for answer in answers:
        if answer.get("error"):
            raise SourceError(answer["error"])
    return {
        answer["name"]: (answer["slices"], overhead.get(answer["style"], []))
        for answer in answers
        if answer["kind"] == "reading" and answer["slices"]
    }
