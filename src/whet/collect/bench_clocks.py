"""Clocks that time loops in slices: the compiled one of benchmarks, and any function that tells a time.

Both hand out batches: a loop to run and the iterations that it is to make.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from functools import cache
from itertools import repeat
from typing import Any, Protocol

from whet.collect.bench_slices import SLICE_NS, Slice

__all__ = ["Allocations", "Batch", "Batches", "Clock", "FunctionClock", "Loop", "Round", "TimerClock"]

Loop = Callable[[Iterable[object]], Any]
Batch = tuple[Loop, Iterable[object]]
# Each batch's result is sent back.
Batches = Generator[Batch, Any, None]
Round = Generator[Batch, Any, Any]
# (iterations, objects, bytes), or None where they cannot be counted.
Allocations = Generator[Batch, Any, tuple[int, int, int] | None]

# Growing faster than this would trust one short, cold round too much.
MAX_GROWTH = 10
MAX_ITERATIONS = 1_000_000_000
# A timer that hardly advances is not waited for longer than this, and not for more than so many budgets.
PATIENCE_NS = 1_000_000_000
PATIENCE = 10


class Clock(Protocol):
    """What can time loops."""

    def slices(self, call: Loop, slice_ns: int, budget_ns: int, found: list[Slice]) -> Batches:
        """Time as many slices as the budget allows, at least one."""

    def round(self, call: Loop, iterations: int, found: list[Slice]) -> Round:
        """Time one slice of exactly so many iterations; return what the loop returns."""

    def loop_overhead(self) -> list[Slice]:
        """Return slices of the loop of `slices` around nothing."""

    def allocations(self, call: Loop) -> Allocations:
        """Count the allocations of a loop."""


class TimerClock:
    """The timer of `whet bench`: knows when a thread had no CPU and what the loop itself costs.

    Args:
        slow_from_ns: of the reference work: the machine is not at its full speed; 0 where nobody knows.

    Raises:
        CollectError: the compiled part is missing.
    """

    def __init__(self, slow_from_ns: int = 0) -> None:
        from whet.collect.probe import load_probe

        self._slow_from_ns = slow_from_ns
        self._timer: Any = load_probe().BenchTimer()

    def slices(self, call: Loop, slice_ns: int, budget_ns: int, found: list[Slice]) -> Batches:
        """See Clock."""
        self._timer._prepare(slice_ns, max(budget_ns, 1), 0, False, self._slow_from_ns)
        yield call, self._timer
        found += self._timer._slices

    def round(self, call: Loop, iterations: int, found: list[Slice]) -> Round:
        """See Clock."""
        timer = self._timer
        timer._prepare(SLICE_NS, SLICE_NS, 0, False)
        ticks = repeat(None, iterations)
        timer._begin_call(iterations)
        result = yield call, ticks
        timer._end_call()
        found += timer._slices
        return result

    def loop_overhead(self) -> list[Slice]:
        """See Clock."""
        return _timer_overhead()

    def allocations(self, call: Loop) -> Allocations:
        """See Clock."""
        from whet.collect.bench import COUNTING_BUDGET_NS

        self._timer._prepare(SLICE_NS, COUNTING_BUDGET_NS, 0, True)
        yield call, self._timer
        counted: tuple[int, int, int] = self._timer._allocations
        return counted


class FunctionClock:
    """A function that tells a time in seconds, of whatever kind; what disturbs it is not known.

    Args:
        timer: the function.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer

    def slices(self, call: Loop, slice_ns: int, budget_ns: int, found: list[Slice]) -> Batches:
        """See Clock."""
        iterations, begin_ns = 1, time.monotonic_ns()
        while iterations < MAX_ITERATIONS:
            grown: list[Slice] = []
            round_ns = time.monotonic_ns()
            yield from self.round(call, iterations, grown)
            took_ns = grown[0][1]
            if took_ns >= slice_ns or time.monotonic_ns() - round_ns > PATIENCE_NS:
                break
            iterations *= max(2, min(MAX_GROWTH, slice_ns // max(took_ns, 1)))
        limit_ns = begin_ns + PATIENCE * max(budget_ns, PATIENCE_NS)
        spent_ns, first = 0, len(found)
        while len(found) == first or (spent_ns < budget_ns and time.monotonic_ns() < limit_ns):
            yield from self.round(call, iterations, found)
            spent_ns += found[-1][1]

    def round(self, call: Loop, iterations: int, found: list[Slice]) -> Round:
        """See Clock."""
        timer = self._timer
        ticks = repeat(None, iterations)
        begin = timer()
        result = yield call, ticks
        end = timer()
        found.append((iterations, round((end - begin) * 1e9), -1, time.monotonic_ns(), 0))
        return result

    def loop_overhead(self) -> list[Slice]:
        """Return none: what such a timer counts of a loop is not known."""
        return []

    def allocations(self, call: Loop) -> Allocations:  # noqa: ARG002 (the protocol's)
        """Count none."""
        yield from ()
        return None


@cache
def _timer_overhead() -> list[Slice]:
    """Time the loop around nothing, once in a process."""
    from whet.collect.bench import measure_overhead

    return measure_overhead("for")
