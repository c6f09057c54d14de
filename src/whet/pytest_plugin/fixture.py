"""The `benchmark` fixture: calls what it is given, measures that, and returns the result.

Its interface is pytest-benchmark's (https://pytest-benchmark.readthedocs.io); it measures as `whet bench`
does, inside one process: slices of 2 ms, disturbed ones left out, the loop's own cost taken off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from whet.analyze.bench.rounds import margin_of_error
from whet.collect.bench_calls import (
    Arguments,
    CallPlan,
    Rounds,
    Timed,
    calibrated,
    pedantic,
    run,
    run_async,
    undisturbed,
)
from whet.collect.bench_clocks import Batches, Clock, FunctionClock, TimerClock
from whet.collect.bench_slices import SLICE_NS, Slice
from whet.driver.full_speed import FullSpeed
from whet.pytest_plugin.options import FixtureOptions
from whet.pytest_plugin.patching import patched
from whet.pytest_plugin.record import Record, Test, record_of

__all__ = ["BenchmarkFixture", "FixtureAlreadyUsed"]


class FixtureAlreadyUsed(Exception):  # noqa: N818 (the name that suites know)
    """A test measured twice with one fixture."""


@dataclass
class _Measurement:
    """One use of the fixture.

    Attributes:
        batches: what to run and time.
        once: makes one call more and returns its result (a coroutine, if `is_async`).
        found: gets what was timed.
        exact: the number of rounds was asked for, so that all of them are kept.
        result_at_hand: `found.result` is the result, and one call more would not be expected.
    """

    batches: Batches
    once: Callable[[], Any]
    is_async: bool
    found: Rounds = field(default_factory=Rounds)
    exact: bool = False
    result_at_hand: bool = False


class BenchmarkFixture:
    """What a test gets as `benchmark`.

    Args:
        test: who it is for.
        options: how to measure.
        disabled: call things once and measure nothing.
        memory: count allocations too.
        speed: of the machine, None where nothing was compiled.
        add: gets the record of what was measured.
        talk: gets lines for who wants to know more.
    """

    def __init__(
        self,
        test: Test,
        options: FixtureOptions,
        *,
        disabled: bool,
        memory: bool,
        speed: FullSpeed | None,
        add: Callable[[Record], object],
        talk: Callable[[str], object],
    ) -> None:
        self.name, self.fullname = test.name, test.fullname
        self.param, self.params = test.param, test.params
        self.group = options.group
        self.extra_info: dict[str, Any] = {}
        self.disabled = disabled
        self.stats: Record | None = None
        self.has_error = False
        self.skipped = False
        self.cprofile, self.cprofile_loops = options.cprofile, options.cprofile_loops
        self.cprofile_dump = options.cprofile_dump
        self.cprofile_stats: Any = None
        self._test, self._options = test, options
        self._timer, self._min_time = options.timer, options.min_time
        self._memory, self._speed, self._add, self._talk = memory, speed, add, talk
        self._mode = ""
        self._undo: list[Callable[[], object]] = []

    @property
    def enabled(self) -> bool:
        """Whether anything is measured."""
        return not self.disabled

    @property
    def used(self) -> bool:
        """Whether anything was called."""
        return bool(self._mode)

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Measure `function(*args, **kwargs)`; return what one call of it returns.

        A coroutine function is awaited; inside a running event loop the call itself is to be awaited too.
        """
        self._use("benchmark(...)")
        if self.disabled:
            return function(*args, **kwargs)
        timed, options, found = Timed(function, args, kwargs), self._options, Rounds()
        plan = CallPlan(
            budget_ns=round(options.max_time * 1e9),
            min_rounds=options.min_rounds,
            slice_ns=max(SLICE_NS, round(self._min_time * 1e9)),
            warmup_iterations=options.warmup_iterations if options.warmup else 0,
            memory=self._memory,
        )
        batches = calibrated(timed, self._clock(), plan, found, self._enough())
        return self._measured(_Measurement(batches, lambda: function(*args, **kwargs), timed.is_async, found))

    def pedantic(
        self,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., object] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
    ) -> Any:
        """Measure `target` in exactly so many rounds of so many calls; return what one call returns.

        Args:
            target: what is measured.
            args: for each call.
            kwargs: for each call.
            setup: called before each round; may return `(args, kwargs)` for it.
            teardown: called after each round with the target's arguments.
            rounds: how many.
            warmup_rounds: how many before them.
            iterations: calls in a round.

        Raises:
            ValueError: a number is none, is too small, or `setup` is to serve several calls.
            TypeError: there are `args` or `kwargs`, and `setup` returns others.
        """
        self._use("benchmark.pedantic(...)")
        _check_numbers(rounds, warmup_rounds, iterations)
        if setup is not None and iterations > 1:
            raise ValueError("a setup function prepares one call: iterations must be 1")

        def arguments() -> Arguments:
            made = setup() if setup is not None else None
            if made is None:
                return args, dict(kwargs or {})
            if args or kwargs:
                raise TypeError("args and kwargs are given, and setup returns them too")
            return made[0], made[1]

        is_async = Timed(target).is_async
        once = partial(_once_async if is_async else _once, target, arguments, teardown)
        if self.disabled:
            return once()
        found = Rounds()
        batches = pedantic(
            target, arguments, teardown, self._clock(), found,
            rounds=rounds, warmup_rounds=warmup_rounds, iterations=iterations,
        )  # fmt: skip
        return self._measured(_Measurement(batches, once, is_async, found, True, iterations == 1))

    def weave(self, target: object, **options: Any) -> None:
        """Measure a function where others call it: `weave(Class.method)`, `weave("module.function")`.

        Args:
            target: the function, or its dotted name.
            options: `lazy` is known and changes nothing.

        Raises:
            TypeError: it is no function with a place of its own, or there is another option.
        """
        unknown = set(options) - {"lazy"}
        if unknown:
            raise TypeError(f"weave does not know {', '.join(sorted(unknown))}")

        def measuring(function: Callable[..., Any]) -> Callable[..., Any]:
            # A plain function, so that it binds as a method where the other one did.
            return lambda *args, **kwargs: self(function, *args, **kwargs)

        self._undo.append(patched(target, measuring))

    patch = weave

    def finish(self) -> None:
        """Take back what was patched."""
        while self._undo:
            self._undo.pop()()

    def _use(self, mode: str) -> None:
        if self._mode:
            self.has_error = True
            raise FixtureAlreadyUsed(f"a test measures once: it has been used as {self._mode} already")
        self._mode = mode

    def _clock(self) -> Clock:
        if self._timer is time.perf_counter and self._speed is not None:
            return TimerClock(self._speed.slow_from_ns)
        return FunctionClock(self._timer)

    def _enough(self) -> Callable[[Sequence[Slice]], bool] | None:
        precision, confidence = self._options.precision, self._options.confidence
        if not precision:
            return None
        return lambda slices: margin_of_error([s[1] / s[0] for s in slices], confidence or 0.99) <= precision

    def _measured(self, asked: _Measurement) -> Any:
        """Measure, keep a record of it, and return the result of a call."""
        if asked.is_async:
            import asyncio

            coroutine = self._awaited(asked)
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return asyncio.run(coroutine)
            return coroutine
        try:
            with undisturbed(disable_gc=self._options.disable_gc):
                run(asked.batches)
            self._keep(asked)
            result = asked.found.result if asked.result_at_hand else asked.once()
            if self.cprofile:
                self._profile(asked.once)
        except BaseException:
            self.has_error = True
            raise
        return result

    async def _awaited(self, asked: _Measurement) -> Any:
        try:
            with undisturbed(disable_gc=self._options.disable_gc):
                await run_async(asked.batches)
            self._keep(asked)
            return asked.found.result if asked.result_at_hand else await asked.once()
        except BaseException:
            self.has_error = True
            raise

    def _keep(self, asked: _Measurement) -> None:
        options = asdict(self._options)
        options["timer"] = getattr(self._timer, "__name__", str(self._timer))
        if self._speed is not None:
            self._speed.learn(asked.found.slices)
        full_speed_ns = self._speed.ns if self._speed is not None else 0.0
        self.stats = record = record_of(
            self, self._test, asked.found, options, full_speed_ns, exact=asked.exact
        )
        self._add(record)
        self._talk(
            f"{self.fullname}: {record.stats.rounds} rounds of {record.iterations} calls, "
            f"{record.value.disturbed} of {record.value.slices} disturbed, loop {record.value.loop_ns:.1f} ns"
        )

    def _profile(self, once: Callable[[], Any]) -> None:
        import cProfile
        import pstats

        assert self.stats is not None
        loops = self.cprofile_loops if isinstance(self.cprofile_loops, int) else self.stats.iterations
        profile = cProfile.Profile()
        for _ in range(loops):
            profile.runcall(once)
        self.cprofile_stats = self.stats.cprofile_stats = pstats.Stats(profile)


def _check_numbers(rounds: object, warmup_rounds: object, iterations: object) -> None:
    for name, value, least in (
        ("iterations", iterations, 1), ("rounds", rounds, 1), ("warmup_rounds", warmup_rounds, 0),
    ):  # fmt: skip
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")


def _once(
    target: Callable[..., Any], arguments: Callable[[], Arguments], teardown: Callable[..., object] | None
) -> Any:
    args, kwargs = arguments()
    result = target(*args, **kwargs)
    if teardown is not None:
        teardown(*args, **kwargs)
    return result


async def _once_async(
    target: Callable[..., Any], arguments: Callable[[], Arguments], teardown: Callable[..., object] | None
) -> Any:
    args, kwargs = arguments()
    result = await target(*args, **kwargs)
    if teardown is not None:
        teardown(*args, **kwargs)
    return result
