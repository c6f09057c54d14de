"""Comparing two versions of a project while they are measured.

A pair is one process of each side, in random order, with the same hash seed; a benchmark gets pairs
until a test that may be looked at after every one of them decides, or until its time is over. All
benchmarks take turns, so that none of them gets the quiet part of the hour.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from whet.analyze.bench.estimate import process_value
from whet.analyze.bench.sequential import OPEN, Decision, decide
from whet.driver.bench_process import MAX_HASH_SEED, Found, Side, ask
from whet.driver.bench_revisions import Sides
from whet.driver.full_speed import FullSpeed
from whet.errors import SourceError

__all__ = ["Comparison", "VersusOptions", "compare"]


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
    """What is known of one benchmark: medians in ns per operation, and the decision."""

    name: str
    old_ns: list[float] = field(default_factory=list)
    new_ns: list[float] = field(default_factory=list)
    decision: Decision | None = None
    error: str = ""

    def add(self, old_ns: float, new_ns: float, margin: float) -> None:
        """Add a pair."""
        self.old_ns.append(old_ns)
        self.new_ns.append(new_ns)
        pairs = zip(self.old_ns, self.new_ns, strict=True)
        ratios = [math.log(new / old) for old, new in pairs if old > 0 and new > 0]
        self.decision = decide(ratios, margin) if ratios else None

    @property
    def is_open(self) -> bool:
        """Whether more pairs could tell more."""
        return not self.error and (self.decision is None or self.decision.verdict == OPEN)


def compare(
    found: list[Found], sides: Sides, options: VersusOptions, progress: Callable[[str], None] = lambda _: None
) -> list[Comparison]:
    """Measure both sides of every benchmark until all is decided or the time is over."""
    order, speed = random.Random(options.seed), FullSpeed()
    by_function: list[dict[str, Comparison]] = [{} for _ in found]
    spent_s = [0.0] * len(found)
    waiting = list(range(len(found)))
    pairs = 0
    while waiting:
        for index in order.sample(waiting, len(waiting)):
            begin_s = time.monotonic()
            pairs += 1
            progress(f"pair {pairs}: {found[index].function}")
            _pair(found[index], sides, options, order, speed, by_function[index])
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
    speed: FullSpeed,
    known: dict[str, Comparison],
) -> None:
    seed = order.randint(1, MAX_HASH_SEED)
    values: dict[str, dict[str, float]] = {}
    for name, side in order.sample([("old", sides.old), ("new", sides.new)], 2):
        try:
            values[name] = _values(which, sides, side, options, speed, seed)
        except SourceError as error:
            known.setdefault(which.function, Comparison(which.function)).error = f"{name} side: {error}"
            return
    for name in values["new"]:
        one = known.setdefault(name, Comparison(name))
        if name in values["old"]:
            one.add(values["old"][name], values["new"][name], options.margin)
        else:
            one.error = "the old side has no such benchmark"


def _values(
    which: Found, sides: Sides, side: Side, options: VersusOptions, speed: FullSpeed, seed: int
) -> dict[str, float]:
    """Return ns per operation by name, as one process of one side measures them.

    Raises:
        SourceError: the process failed, or a benchmark in it.
    """
    request = {
        **sides.job(which.job, side).request,
        "function": which.function,
        "pattern": list(options.pattern),
        "budget_ns": round(options.slice_s * 1e9),
        "iterations": 0,
        "memory": False,
        "threads": 1,
        "slow_from_ns": speed.slow_from_ns,
    }
    answers = list(ask(request, seed=seed, side=side))
    overhead = {a["style"]: a["slices"] for a in answers if a["kind"] == "overhead"}
    values = {}
    for answer in answers:
        if answer.get("error"):
            raise SourceError(answer["error"])
        if answer["kind"] == "reading" and answer["slices"]:
            speed.learn(answer["slices"])
            value = process_value(answer["slices"], overhead.get(answer["style"], []), speed.ns)
            values[answer["name"]] = value.ns_per_op
    return values
