"""All workers of one target in one event loop: a load's phases run on them, one after the other.

A phase is a schedule and a `Ledger` that takes what comes. Connections stay from phase to phase.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

import numpy as np

from whet.analyze.load.doubts import Client, Effort
from whet.analyze.load.histogram import Histogram
from whet.driver.load.dial import DialError
from whet.driver.load.http2 import Http2Worker, SessionPools, require_h2
from whet.driver.load.lane import Lane, LaneSchedule, Rider, load_native
from whet.driver.load.ledger import Ledger
from whet.driver.load.options import LoadOptions
from whet.driver.load.schedule import AsFast, Limit, Open, Paced, Schedule
from whet.driver.load.ticker import Ticker
from whet.driver.load.worker import HttpWorker, Route
from whet.errors import SourceError

__all__ = ["Crew"]

_clock = time.perf_counter_ns
_SWEEP_NS = 20_000_000


class Crew:
    """The workers of one target.

    Attributes:
        dns_ns: how long the server's name took to resolve.
        lane: serves the connections; None: the event loop does.
    """

    def __init__(self, options: LoadOptions) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        target = options.target
        self._route = Route(target, follows=options.follows, timeout_ns=int(options.timeout_s * 1e9))
        self._pools: SessionPools | None = None
        self._workers: list[HttpWorker] | list[Http2Worker]
        if options.http2:
            require_h2()
            pools = self._pools = SessionPools(self._route)
            self._dialer = pools.of(target.origin).dialer
            self._workers = [Http2Worker(self._spawn, pools) for _ in range(options.connections)]
        else:
            self._dialer = self._route.dialer(target.origin)
            self._workers = [
                HttpWorker(self._route, self._spawn, slot) for slot in range(options.connections)
            ]
        self.lane = self._route.lane = self._make_lane()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._opening: asyncio.Task[object] | None = None
        self.schedule: Schedule | None = None

    @property
    def dns_ns(self) -> int:
        """How long the server's name took to resolve."""
        return self._dialer.dns_ns

    def client(self, loop: str) -> Client:
        """Return what serves the connections in a loop of that name."""
        return Client("compiled" if self.lane else "python", loop)

    async def open(self, ledger: Ledger) -> None:
        """Make the first connection, so that a wrong address is known before the load begins.

        Raises:
            SourceError: it cannot be made.
        """
        first = self._workers[0]
        first.book = ledger
        self._opening = self._loop.create_task(first.connect())
        try:
            async with asyncio.timeout(self._options.timeout_s or None):
                await self._opening
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        except DialError as error:
            who = "proxy" if self._options.target.proxy else "server"
            hint = f"is the {who} running?" if "refused" in str(error) else None
            raise SourceError(f"{self._options.target.url}: {error}", hint=hint) from None
        except TimeoutError:
            text = f"{self._options.target.url}: no connection within {self._options.timeout_s:g} s"
            raise SourceError(text) from None

    async def run(
        self, limit: Limit, ledger: Ledger, progress: Callable[[int], None] = lambda _ns: None
    ) -> Effort:
        """Run a phase to its end; return what it took.

        Args:
            limit: when nothing more starts; its `end_ns` counts from 0 here.
            ledger: takes what comes.
            progress: called now and then with the ns since the beginning.
        """
        self._done = self._loop.create_future()
        schedule = self.schedule = self._make_schedule(limit, ledger)
        for worker in self._workers:
            worker.book, worker.schedule = ledger, schedule
        cpu_ns, begin_ns = time.thread_time_ns(), _clock()
        limit.end_ns += begin_ns
        lags = Histogram()
        sweep = self._sweeping(ledger, lags, begin_ns, progress)
        sweeper = Ticker(self._loop, sweep, begin_ns + _SWEEP_NS, _SWEEP_NS)
        self._loop.set_exception_handler(self._on_exception)
        ticker = None
        if isinstance(schedule, LaneSchedule) and self.lane:
            self.lane.begin(cast(list[Rider], self._workers), ledger, schedule, sweeper.file)
        try:
            schedule.begin(list(self._workers), begin_ns)
            if schedule.interval_ns:
                ticker = Ticker(
                    self._loop, schedule.tick, begin_ns + schedule.interval_ns, schedule.interval_ns
                )
            await self._done
        finally:
            if self.lane:
                self.lane.end()
            sweeper.close()
            if ticker:
                ticker.close()
        end_ns = _clock()
        ledger.flush()
        if ledger.problem:
            raise ledger.problem
        ledger.totals.started += schedule.started
        ledger.totals.waited += schedule.waited
        return Effort(
            wall_ns=end_ns - begin_ns,
            cpu_ns=time.thread_time_ns() - cpu_ns,
            lag_ns=lags.quantile_ns(0.99),
            due=schedule.due(end_ns),
        )

    def stop(self) -> None:
        """End the phase now; what is under way is given up and counts as nothing."""
        if self._opening:
            self._opening.cancel()
        if self.schedule:
            self.schedule.stop()
        for worker in self._workers:
            worker.close()
        self._finish()

    def close(self) -> None:
        """End all connections."""
        for worker in self._workers:
            worker.close()
        if self._pools:
            self._pools.close()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _make_schedule(self, limit: Limit, ledger: Ledger) -> Schedule:
        options = self._options
        plan: Schedule
        if options.rate_hz:
            plan = Open(limit, _clock, self._finish, options.rate_hz, ledger.late)
        elif options.worker_rate_hz:
            plan = Paced(limit, _clock, self._finish, options.worker_rate_hz)
        else:
            plan = AsFast(limit, _clock, self._finish)
        return LaneSchedule(plan, self.lane, options.rate_hz) if self.lane else plan

    def _make_lane(self) -> Lane | None:
        """Return a lane where it can serve what is asked for: HTTP/1.1 without TLS, connections that stay."""
        options = self._options
        target = options.target
        is_plain = target.origin.scheme == "http" and not options.http2 and target.message.keep_alive
        is_served = is_plain and options.client == "auto" and not options.worker_rate_hz
        native = load_native() if is_served else None
        if native is None:
            return None
        return Lane(native, self._route.request, options.connections, follows=options.follows)

    def _sweeping(
        self, ledger: Ledger, lags: Histogram, begin_ns: int, progress: Callable[[int], None]
    ) -> Callable[[], None]:
        """Return what gives up requests that take too long, and looks how late the loop is."""
        timeout_ns = self._route.timeout_ns
        expected_ns = begin_ns + _SWEEP_NS
        # What begins later than the oldest request under way is not too late before that is.
        look_ns = begin_ns

        def sweep() -> None:
            nonlocal expected_ns, look_ns
            now_ns = _clock()
            lags.add(np.array([max(0, now_ns - expected_ns)], np.int64))
            expected_ns = now_ns + _SWEEP_NS
            if timeout_ns and now_ns >= look_ns:
                look_ns = self._expire(now_ns) + timeout_ns
            if ledger.problem:
                self._fail(ledger.problem)
            progress(now_ns - begin_ns)

        return sweep

    def _expire(self, now_ns: int) -> int:
        """Give up requests that take too long; return when the oldest of the others began, or now."""
        oldest_ns = now_ns
        # The lane first: it hands out what it cannot go on with.
        if self.lane:
            oldest_ns = self.lane.expire(now_ns - self._route.timeout_ns, now_ns)
        for worker in self._workers:
            worker.expire(now_ns)
            if worker.start_ns:
                oldest_ns = min(oldest_ns, worker.start_ns)
        return oldest_ns

    def _fail(self, error: BaseException) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Connections that break are counted where they are used; anything else is a mistake of ours.
        error = context.get("exception")
        if error is not None and not isinstance(error, OSError):
            self._fail(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fail(error)
