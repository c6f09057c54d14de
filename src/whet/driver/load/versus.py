"""Two addresses side by side: short turns in random order, so that a slow minute falls on both.

A pair is a turn of each; its mean, median and 99th percentile of latency are compared by the test that may
be looked at after every pair. The first pair is not counted: it makes the connections.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from whet.analyze.bench.sequential import Decision, decide
from whet.analyze.load.doubts import Client, Doubt, Effort, find_doubts
from whet.analyze.load.histogram import Histogram
from whet.analyze.load.totals import Totals
from whet.driver.load.crew import Crew
from whet.driver.load.ledger import Ledger
from whet.driver.load.loops import on_interrupt, run_in_loop
from whet.driver.load.options import LoadOptions
from whet.driver.load.schedule import Limit
from whet.driver.load.target import Target

__all__ = ["MARGIN", "Measure", "Versus", "compare_targets"]

MARGIN = 0.02
DEFAULT_DURATION_S = 10.0
_TURN_NS = 200_000_000
_MEASURES: dict[str, Callable[[Histogram], float]] = {
    "mean latency": lambda h: h.mean_ns,
    "median latency": lambda h: float(h.quantile_ns(0.5)),
    "99 % latency": lambda h: float(h.quantile_ns(0.99)),
}


@dataclass
class Measure:
    """One number of both sides, in ns, pair after pair, and what it tells."""

    name: str
    old_ns: list[float] = field(default_factory=list)
    new_ns: list[float] = field(default_factory=list)
    decision: Decision | None = None

    def add(self, old_ns: float, new_ns: float) -> None:
        """Add a pair; a side without answers has no number."""
        if min(old_ns, new_ns) <= 0:
            return
        self.old_ns.append(old_ns)
        self.new_ns.append(new_ns)

    def decide(self) -> None:
        """Say what the pairs tell."""
        ratios = [math.log(new / old) for old, new in zip(self.old_ns, self.new_ns, strict=True)]
        if ratios:
            self.decision = decide(ratios, MARGIN)


@dataclass
class Versus:
    """A comparison.

    Attributes:
        sides: totals and effort of each side over all its turns.
        doubts: of each side; `clients`: what served it.
    """

    measures: list[Measure]
    sides: tuple[tuple[Totals, Effort], tuple[Totals, Effort]]
    doubts: tuple[list[Doubt], list[Doubt]]
    clients: tuple[Client, Client]
    partial_reason: str = ""


def compare_targets(
    options: LoadOptions,
    other: Target,
    *,
    seed: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Versus:
    """Load two targets in turns until the time is over.

    Args:
        options: of the first; the time is for both together.
        other: the second.
        seed: of the order.
        progress: is told which pair runs.

    Raises:
        SourceError: one of them cannot be reached.
    """
    duel, loop = run_in_loop(_compare(options, other, random.Random(seed), progress), options.loop)
    for measure in duel.measures:
        measure.decide()
    first, second = zip(duel.totals, duel.efforts, strict=True)
    doubts = find_doubts(*first), find_doubts(*second)
    return Versus(duel.measures, (first, second), doubts, duel.clients(loop), duel.reason)


class _Duel:
    """A comparison under way."""

    def __init__(self, options: LoadOptions, other: Target, order: random.Random) -> None:
        self._crews = [Crew(options), Crew(replace(options, target=other))]
        self._order = order
        self.measures = [Measure(name) for name in _MEASURES]
        self.totals = [Totals(), Totals()]
        self.efforts = [Effort(0, 0, 0), Effort(0, 0, 0)]
        self.reason = ""

    def stop(self) -> None:
        """End the turn that is under way, and all that would follow."""
        self.reason = "interrupted"
        for crew in self._crews:
            crew.stop()

    def clients(self, loop: str) -> tuple[Client, Client]:
        """Return what served each side."""
        first, second = self._crews
        return first.client(loop), second.client(loop)

    def close(self) -> None:
        """End all connections."""
        for crew in self._crews:
            crew.close()

    async def run(self, duration_s: float, progress: Callable[[str], None]) -> None:
        """Run pair after pair; at least one counts."""
        for crew, total in zip(self._crews, self.totals, strict=True):
            await crew.open(Ledger(total))
        await self._pair()
        end_s = time.monotonic() + duration_s
        pairs = 0
        while not self.reason and (not pairs or time.monotonic() < end_s):
            turns = await self._pair()
            if not self.reason:
                self._count(turns)
                pairs += 1
                progress(f"pair {pairs}")

    async def _pair(self) -> list[tuple[Totals, Effort]]:
        """Return what came of a turn of each."""
        turns = [(Totals(), Effort(0, 0, 0)), (Totals(), Effort(0, 0, 0))]
        for side in self._order.sample((0, 1), 2):
            if not self.reason:
                totals = turns[side][0]
                effort = await self._crews[side].run(Limit(end_ns=_TURN_NS), Ledger(totals))
                turns[side] = totals, effort
        return turns

    def _count(self, turns: list[tuple[Totals, Effort]]) -> None:
        for measure, read in zip(self.measures, _MEASURES.values(), strict=True):
            measure.add(*(read(totals.latency) for totals, _ in turns))
        for side, (totals, effort) in enumerate(turns):
            self.totals[side].merge(totals)
            self.efforts[side] = _sum(self.efforts[side], effort)


async def _compare(
    options: LoadOptions, other: Target, order: random.Random, progress: Callable[[str], None]
) -> _Duel:
    duel = _Duel(options, other, order)
    try:
        with on_interrupt(duel.stop):
            await duel.run(options.duration_s or DEFAULT_DURATION_S, progress)
    finally:
        duel.close()
    return duel


def _sum(one: Effort, other: Effort) -> Effort:
    return Effort(
        one.wall_ns + other.wall_ns,
        one.cpu_ns + other.cpu_ns,
        max(one.lag_ns, other.lag_ns),
        one.due + other.due,
    )
