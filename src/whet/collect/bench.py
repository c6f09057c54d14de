"""`B`: what a benchmark function is given, and how one is measured in this process.

    def bench_dumps(b):
        value = {"a": 1}
        for _ in b:
            json.dumps(value)

What runs in the loop is timed in slices by `BenchTimer` (native/probe/bench/bench_timer.cpp); what stands
before it runs once. `measure` returns raw slices: what they mean is for whoever compares processes to say.
The names are those of Go's testing.B (https://pkg.go.dev/testing#B).
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from whet.collect.bench_slices import SLICE_NS, Slice
from whet.collect.probe import load_probe
from whet.errors import WhetError

__all__ = ["B", "BenchmarkError", "Plan", "Reading", "measure", "measure_overhead"]

# Time to spend on the loop around nothing, and on counting allocations.
OVERHEAD_BUDGET_NS = 20_000_000
COUNTING_BUDGET_NS = 20_000_000
MAX_CALL_GROWTH = 100
_CO_COROUTINE = 0x80


class BenchmarkError(WhetError):
    """A benchmark that cannot be measured as it is written."""


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        budget_ns: time to spend in the loop; not used where `iterations` is given.
        iterations: make exactly so many, 0 for as many as the budget allows.
        memory: count allocations too, in a loop of their own.
        threads: how many `run_parallel` starts.
        slow_from_ns: of the reference work: the machine is not at its full speed; 0 where nobody knows.
    """

    budget_ns: int
    iterations: int = 0
    memory: bool = False
    threads: int = 1
    slow_from_ns: int = 0


@dataclass
class Reading:
    """What one benchmark left in one process.

    Attributes:
        name: with sub-benchmarks, `dumps/size=10`.
        style: `for`, `loop` or `n`, how the function asks for its iterations; `parallel`.
        slices: what was timed.
        allocations: (iterations, objects, bytes), or None if they were not counted.
        bytes_per_op: what `set_bytes` was told, 0 if it was not called.
        metrics: what `report_metric` was told, by unit.
        error: why there is nothing, else empty.
    """

    name: str
    style: str = "for"
    slices: list[Slice] = field(default_factory=list)
    allocations: tuple[int, int, int] | None = None
    bytes_per_op: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""


_Timer: Any = load_probe().BenchTimer


class B(_Timer):  # type: ignore[misc] # the class is compiled
    """A benchmark's handle. Loop with `for _ in b`, with `while b.loop()`, or `b.n` times."""

    def __init__(self, name: str, plan: Plan, wanted: Callable[[str], bool], threads: int) -> None:
        self.name = name
        self.n = 0
        self.bytes_per_op = 0
        self.metrics: dict[str, float] = {}
        self.readings: list[Reading] = []
        self.style = ""
        self.parallel: list[Slice] = []
        self._plan = plan
        self._wanted = wanted
        self._threads = threads

    def set_bytes(self, count: int) -> None:
        """Say how many bytes one iteration processes: adds MB/s."""
        self.bytes_per_op = count

    def report_metric(self, value: float, unit: str) -> None:
        """Report a value of your own, per run; `ns/op` and the like replace what whet measured.

        Raises:
            BenchmarkError: the unit is empty or has white space in it.
        """
        if not unit or unit.split() != [unit]:
            raise BenchmarkError(f"report_metric: {unit!r} is no unit")
        self.metrics[unit] = float(value)

    def run(self, name: str, function: Callable[[B], object]) -> None:
        """Measure `function` as a sub-benchmark; the benchmark that calls this is not measured itself."""
        full = f"{self.name}/{name.replace(' ', '_')}"
        self.readings += measure(full, function, self._plan, self._wanted)
        self.style = "run"

    def run_parallel(self, body: Callable[[Any], object]) -> None:
        """Run `body(pb)` in several threads at a time; each loops `for _ in pb`.

        A value per operation is the wall time of all threads together over all their iterations.
        """
        timers = [_Timer() for _ in range(self._threads)]
        share = -(-self._plan.iterations // self._threads)
        errors: list[BaseException] = []

        def work(timer: Any) -> None:
            timer._prepare(SLICE_NS, self._plan.budget_ns, share, False)
            try:
                body(timer)
            except BaseException as error:  # noqa: BLE001 (handed to the benchmark's own thread)
                errors.append(error)

        threads = [threading.Thread(target=work, args=(timer,)) for timer in timers]
        begin_ns = time.monotonic_ns()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        end_ns = time.monotonic_ns()
        if errors:
            raise errors[0]
        done = sum(timer._iterations for timer in timers)
        self.style = "parallel"
        if done:
            self.parallel.append((done, end_ns - begin_ns, -1, end_ns, 0))


def measure(
    name: str, function: Callable[[B], object], plan: Plan, wanted: Callable[[str], bool] = lambda _: True
) -> list[Reading]:
    """Measure a benchmark function and return a reading for it, or for each of its sub-benchmarks.

    Args:
        name: of the benchmark.
        function: gets a `B`.
        plan: how long to measure.
        wanted: tells by its name whether a benchmark is to be measured, or may hold one that is.
    """
    if not wanted(name):
        return []
    gc.collect()
    b = B(name, plan, wanted, plan.threads)
    try:
        reading = _timed(b, function, plan)
        if b.style == "run":
            return b.readings
        if plan.memory and b.style != "parallel":
            counter = B(name, plan, wanted, plan.threads)
            _counted(counter, function, reading)
    except BenchmarkError as error:
        return [*b.readings, Reading(name, error=str(error))]
    except Exception as error:  # noqa: BLE001 (somebody else's code; the others are still measured)
        return [*b.readings, Reading(name, error=f"{type(error).__name__}: {error}")]
    return [reading]


def measure_overhead(style: str, budget_ns: int = OVERHEAD_BUDGET_NS) -> list[Slice]:
    """Time a loop of this style around nothing."""
    timer = _Timer()
    timer._prepare(SLICE_NS, budget_ns, 0, False)
    if style == "for":
        for _ in timer:
            pass
    elif style == "loop":
        while timer.loop():
            pass
    slices: list[Slice] = timer._slices
    return slices


def _call(b: B, function: Callable[[B], object]) -> None:
    code = getattr(getattr(function, "func", function), "__code__", None)
    if code is not None and code.co_flags & _CO_COROUTINE:
        import asyncio  # costs half a process's start, and few benchmarks need it

        asyncio.run(function(b))  # type: ignore[arg-type] # a coroutine function, as its flag says
    else:
        function(b)


def _timed(b: B, function: Callable[[B], object], plan: Plan) -> Reading:
    b._prepare(SLICE_NS, plan.budget_ns, plan.iterations, False, plan.slow_from_ns)
    b.n = plan.iterations or 1
    begin_ns = time.perf_counter_ns()
    _call(b, function)
    took_ns = time.perf_counter_ns() - begin_ns
    if b.style == "run":
        return Reading(b.name)
    if b.style == "parallel":
        return _reading(b, "parallel", b.parallel)
    if b._state == "running":
        raise BenchmarkError("the loop was left before its end; let `for _ in b` or `b.loop()` end it")
    if b._state == "done":
        b.n = b._iterations
        return _reading(b, b._style, b._slices)
    return _reading(b, "n", _grown(b, function, plan, took_ns))


def _grown(b: B, function: Callable[[B], object], plan: Plan, took_ns: int) -> list[Slice]:
    """Call a function that counts to `b.n` itself, again and again: each call is a slice."""
    spent_ns = 0
    iterations = plan.iterations or 1
    slices: list[Slice] = []
    while not slices or (spent_ns < plan.budget_ns and not plan.iterations):
        if not plan.iterations:
            growth = max(1, min(MAX_CALL_GROWTH, SLICE_NS // max(took_ns, 1)))
            iterations *= growth if took_ns * 2 < SLICE_NS else 1
        b.n = iterations
        b._prepare(SLICE_NS, plan.budget_ns, plan.iterations, False, plan.slow_from_ns)
        b._begin_call(iterations)
        _call(b, function)
        took_ns = b._end_call()
        if took_ns * 2 >= SLICE_NS or plan.iterations:
            slices += b._slices
        spent_ns += max(took_ns, 1)
        if iterations >= 1_000_000_000:
            slices = slices or b._slices
            break
    return slices


def _counted(b: B, function: Callable[[B], object], reading: Reading) -> None:
    """Count the allocations of a benchmark that has been timed."""
    if reading.style == "n":
        b.n = reading.slices[-1][0]
        b._prepare(SLICE_NS, COUNTING_BUDGET_NS, 0, True)
        b._begin_call(b.n)
        _call(b, function)
        b._end_call()
    else:
        b._prepare(SLICE_NS, COUNTING_BUDGET_NS, 0, True)
        _call(b, function)
    reading.allocations = b._allocations


def _reading(b: B, style: str, slices: list[Slice]) -> Reading:
    return Reading(b.name, style, slices, None, b.bytes_per_op, b.metrics)
