"""Timing calls of one function inside a process that has other things to do, such as pytest's.

The call is written out, `f(a0, a1, key=k0)`, in a loop made for its shape, so that it costs what it
costs where people write it. What is timed comes as slices, as in whet.collect.bench: what they mean
is for others to say. Measuring is a generator of *batches*: whoever runs it calls `run(ticks)` for each
batch, or awaits that, so that functions and coroutine functions are measured by the same code.
"""

from __future__ import annotations

import gc
import keyword
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import repeat
from typing import Any

from whet.collect.bench_clocks import Batch, Batches, Clock, Loop
from whet.collect.bench_slices import SLICE_NS, Slice

__all__ = [
    "Arguments",
    "CallPlan",
    "Rounds",
    "Timed",
    "calibrated",
    "pedantic",
    "run",
    "run_async",
    "undisturbed",
]

Arguments = tuple[Sequence[Any], dict[str, Any]]

MAX_WRITTEN_ARGUMENTS = 50
_CO_COROUTINE = 0x80
# Looking whether it is precise enough, so often within the budget.
LOOKS = 20
# The rounds around nothing that say what a round itself costs.
EMPTY_ROUNDS = 60
MAX_EMPTY_ITERATIONS = 1000


@dataclass(frozen=True)
class CallPlan:
    """How long to measure calls.

    Attributes:
        budget_ns: time to spend in calls; more where `min_rounds` need it.
        min_rounds: slices to have at least.
        slice_ns: how long a slice shall be.
        warmup_iterations: calls to make before, within the budget at most; 0 for the warm-up that
            finding the length of a slice is.
        memory: count allocations too.
    """

    budget_ns: int
    min_rounds: int = 1
    slice_ns: int = SLICE_NS
    warmup_iterations: int = 0
    memory: bool = False


@dataclass
class Rounds:
    """What was timed, and the same loop around nothing.

    Attributes:
        slices: of the calls.
        overhead: of nothing.
        allocations: (iterations, objects, bytes), or None if they were not counted.
        result: of the last call, where a round is one call.
    """

    slices: list[Slice] = field(default_factory=list)
    overhead: list[Slice] = field(default_factory=list)
    allocations: tuple[int, int, int] | None = None
    result: Any = None


@dataclass(frozen=True)
class Timed:
    """A function and what it is called with."""

    function: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def is_async(self) -> bool:
        """Whether calling it makes a coroutine."""
        return is_async(self.function)

    def looped(self, *, keep: bool = False) -> Loop:
        """Return a function that calls it once for each item of what it is given.

        Args:
            keep: return what the last call returns.
        """
        names = tuple(self.kwargs)
        count = len(self.args)
        written = count + len(names) <= MAX_WRITTEN_ARGUMENTS and all(map(_is_name, names))
        if written:
            return partial(_written(count, names, self.is_async, keep), self.function, self.args, self.kwargs)
        call = partial(self.function, *self.args, **self.kwargs)
        return partial(_written(0, (), self.is_async, keep), call, (), {})


def is_async(function: Callable[..., Any]) -> bool:
    """Say whether calling this makes a coroutine."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


def run(batches: Batches) -> None:
    """Run what is to be measured."""
    batch = next(batches, None)
    while batch is not None:
        call, ticks = batch
        batch = _sent(batches, call(ticks))


async def run_async(batches: Batches) -> None:
    """Run what is to be measured, with coroutine functions."""
    batch = next(batches, None)
    while batch is not None:
        call, ticks = batch
        batch = _sent(batches, await call(ticks))


def _sent(batches: Batches, result: object) -> Batch | None:
    """Hand a batch's result over and get the next one."""
    try:
        return batches.send(result)
    except StopIteration:
        return None


def calibrated(
    timed: Timed,
    clock: Clock,
    plan: CallPlan,
    found: Rounds,
    enough: Callable[[Sequence[Slice]], bool] | None = None,
) -> Batches:
    """Measure as many calls as the plan's time allows.

    Args:
        timed: what is called.
        clock: that times it.
        plan: how long.
        found: gets what was timed.
        enough: told what there is now and then, says whether that will do.
    """
    call = timed.looped()
    yield from _warmed_up(call, plan)
    looks = LOOKS if enough else 1
    budget_ns = plan.budget_ns // looks
    for _ in range(looks):
        yield from clock.slices(call, plan.slice_ns, budget_ns, found.slices)
        if enough and len(found.slices) >= plan.min_rounds and enough(found.slices):
            break
    iterations = found.slices[-1][0]
    while len(found.slices) < plan.min_rounds:
        yield from clock.round(call, iterations, found.slices)
    found.overhead = clock.loop_overhead()
    if plan.memory:
        found.allocations = yield from clock.allocations(call)


def pedantic(
    function: Callable[..., Any],
    arguments: Callable[[], Arguments],
    teardown: Callable[..., object] | None,
    clock: Clock,
    found: Rounds,
    *,
    rounds: int,
    warmup_rounds: int,
    iterations: int,
) -> Batches:
    """Measure exactly so many rounds of so many calls.

    Args:
        function: what is called.
        arguments: makes what a round's calls are given; not timed.
        teardown: called after each round with the same; not timed.
        clock: that times it.
        found: gets what was timed.
        rounds: how many to keep.
        warmup_rounds: how many before them.
        iterations: calls in a round.
    """
    kept: list[Slice] = []
    for number in range(warmup_rounds + rounds):
        args, kwargs = arguments()
        slices = kept if number >= warmup_rounds else []
        looped = Timed(function, args, kwargs).looped(keep=iterations == 1)
        found.result = yield from clock.round(looped, iterations, slices)
        if teardown is not None:
            teardown(*args, **kwargs)
    found.slices = kept
    found.overhead = _empty_rounds(clock, min(iterations, MAX_EMPTY_ITERATIONS))


@contextmanager
def undisturbed(*, disable_gc: bool) -> Iterator[None]:
    """Keep tracing functions, and the garbage collector if wanted, from what is measured."""
    trace, enabled = sys.gettrace(), gc.isenabled()
    gc.collect()
    sys.settrace(None)
    if disable_gc:
        gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
        sys.settrace(trace)


def _warmed_up(call: Loop, plan: CallPlan) -> Batches:
    done, batch, begin_ns = 0, 1, time.monotonic_ns()
    while done < plan.warmup_iterations and time.monotonic_ns() - begin_ns < plan.budget_ns:
        batch = min(batch, plan.warmup_iterations - done)
        before_ns = time.monotonic_ns()
        yield call, repeat(None, batch)
        done += batch
        if time.monotonic_ns() - before_ns < plan.slice_ns:
            batch *= 2


def _empty_rounds(clock: Clock, iterations: int) -> list[Slice]:
    """Time rounds around nothing: what reading the clock and going round costs."""
    slices: list[Slice] = []
    for _ in range(EMPTY_ROUNDS):
        run(clock.round(_nothing, iterations, slices))
    return slices


def _nothing(ticks: Iterable[object]) -> None:
    for _ in ticks:
        pass


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


@lru_cache(maxsize=256)
def _written(count: int, names: tuple[str, ...], is_async: bool, keep: bool) -> Callable[..., Any]:
    """Make the loop for calls with `count` positional arguments and keywords of these names."""
    positions = [f"a{i}" for i in range(count)]
    keywords = [f"k{i}" for i in range(len(names))]
    call = ", ".join([*positions, *(f"{name}={short}" for name, short in zip(names, keywords, strict=True))])
    lines = [
        f"{'async ' if is_async else ''}def loop(function, args, kwargs, ticks):",
        f"    [{', '.join(positions)}] = args" if count else "",
        *(f"    {short} = kwargs[{name!r}]" for name, short in zip(names, keywords, strict=True)),
        "    for _ in ticks:",
        f"        {'result = ' if keep else ''}{'await ' if is_async else ''}function({call})",
        "    return result" if keep else "",
    ]
    namespace: dict[str, Any] = {}
    exec(compile("\n".join(lines) + "\n", "<calls>", "exec"), namespace)
    loop: Callable[..., Any] = namespace["loop"]
    return loop
