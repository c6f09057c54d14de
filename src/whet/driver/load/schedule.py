"""When requests start: as fast as answers come, at a pace for each worker, or at a constant rate for all.

A schedule hands out starts to workers that are free. The constant rate is an *open* model: request k is due
at `begin + k / rate` whatever the server does, and its latency counts from there, so that a server which
stalls cannot keep the client from asking (G. Tene's coordinated omission). Nothing is queued: what is due
is a matter of counting, so memory does not grow with the backlog. Clocks are handed in; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["AsFast", "Limit", "Open", "Paced", "Schedule", "Worker"]

_NEVER_NS = 1 << 62


class Worker(Protocol):
    """What can make one request at a time."""

    def begin(self, intended_ns: int) -> None:
        """Start a request that should have started then."""


class Limit:
    """When a load ends: after so many requests, or at a time; whatever comes first.

    Attributes:
        left: requests that may still be started.
        end_ns: no request starts from then on.
    """

    __slots__ = ("end_ns", "left")

    def __init__(self, requests: int | None = None, end_ns: int = _NEVER_NS) -> None:
        self.left = requests if requests is not None else _NEVER_NS
        self.end_ns = end_ns

    def take(self, now_ns: int) -> bool:
        """Take one start; return whether there was one."""
        if self.left <= 0 or now_ns >= self.end_ns:
            return False
        self.left -= 1
        return True


class Schedule:
    """As fast as answers come: a *closed* model, in which slow answers mean fewer requests.

    Attributes:
        interval_ns: how often `tick` is to be called; 0: never.
        started: requests so far; `busy`: those without an answer.
        done: called when nothing more will start and all is answered.
    """

    interval_ns = 0

    def __init__(self, limit: Limit, clock: Callable[[], int], done: Callable[[], None]) -> None:
        self.limit = limit
        self.clock = clock
        self.done = done
        self.started = 0
        self.waited = 0
        self.busy = 0
        self.begin_ns = 0

    def begin(self, workers: list[Worker], begin_ns: int) -> None:
        """Let the workers start, all of them free."""
        self.begin_ns = begin_ns
        self.busy = len(workers)
        for worker in workers:
            self.free(worker, self.clock())

    def free(self, worker: Worker, now_ns: int) -> None:
        """Give a worker that has become free something to do, or nothing."""
        if self.limit.take(now_ns):
            self.started += 1
            worker.begin(self.clock())
        else:
            self.rest()

    def rest(self) -> None:
        """Note that a worker has nothing to do."""
        self.busy -= 1
        if not self.busy and self.is_over(self.clock()):
            self.done()

    def is_over(self, now_ns: int) -> bool:
        """Whether nothing more will start."""
        return self.limit.left <= 0 or now_ns >= self.limit.end_ns

    def due(self, _now_ns: int) -> int:
        """Return how many requests should have started; 0 where nothing says so."""
        return 0

    def tick(self) -> None:
        """Start what has become due."""

    def stop(self) -> None:
        """Let nothing start any more."""
        self.limit.left = 0
        if not self.busy:
            self.done()


AsFast = Schedule


class _Ticking(Schedule):
    """What schedules with free workers share."""

    def __init__(
        self, limit: Limit, clock: Callable[[], int], done: Callable[[], None], interval_ns: int
    ) -> None:
        super().__init__(limit, clock, done)
        self.interval_ns = interval_ns
        self.idle: list[Worker] = []

    def rest(self) -> None:
        self.busy -= 1

    def _end(self, now_ns: int) -> None:
        if not self.busy and self.is_over(now_ns):
            self.done()


class Paced(_Ticking):
    """A pace for each worker, as hey's -q: closed still, for a worker that is late leaves ticks out."""

    def __init__(
        self, limit: Limit, clock: Callable[[], int], done: Callable[[], None], rate_hz: float
    ) -> None:
        super().__init__(limit, clock, done, max(1, round(1e9 / rate_hz)))
        self._owed: set[Worker] = set()
        self._workers: list[Worker] = []

    def begin(self, workers: list[Worker], begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self._workers = list(workers)
        self.idle = list(workers)

    def free(self, worker: Worker, now_ns: int) -> None:
        if worker in self._owed and self.limit.take(now_ns):
            self._owed.discard(worker)
            self.started += 1
            worker.begin(self.clock())
            return
        self.idle.append(worker)
        self.busy -= 1
        self._end(now_ns)

    def tick(self) -> None:
        # As with Go's time.Tick, one tick is kept for a worker that is busy, and no more.
        idle, self.idle = self.idle, []
        self._owed = set(self._workers).difference(idle)
        for worker in idle:
            now_ns = self.clock()
            if not self.limit.take(now_ns):
                self.idle.append(worker)
                continue
            self.busy += 1
            self.started += 1
            worker.begin(now_ns)
        self._end(self.clock())


class Open(_Ticking):
    """A constant rate of starts over all workers.

    Attributes:
        waited: requests that were due when no worker was free.
    """

    def __init__(
        self,
        limit: Limit,
        clock: Callable[[], int],
        done: Callable[[], None],
        rate_hz: float,
        late: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Args: late is told by how many ns a start was later than due although a worker was free."""
        super().__init__(limit, clock, done, max(_SHORTEST_TICK_NS, round(1e9 / rate_hz)))
        self._rate_hz = rate_hz
        self._late = late
        self._requests = limit.left

    def intended_ns(self, number: int) -> int:
        """Return when request `number` (from 0) is due."""
        return self.begin_ns + int(number * 1e9 / self._rate_hz)

    def due(self, now_ns: int) -> int:
        """Return how many requests should have started by then."""
        until_ns = min(now_ns, self.limit.end_ns - 1)
        if until_ns < self.begin_ns:
            return 0
        number = int((until_ns - self.begin_ns) * self._rate_hz / 1e9) + 1
        while number and self.intended_ns(number - 1) > until_ns:
            number -= 1
        while self.intended_ns(number) <= until_ns:
            number += 1
        return min(number, self._requests)

    def is_over(self, now_ns: int) -> bool:
        if self.limit.left <= 0 or now_ns >= self.limit.end_ns + self.interval_ns:
            return True
        return self.intended_ns(self.started) >= self.limit.end_ns

    def _take(self, intended_ns: int, now_ns: int) -> bool:
        # What is due between the last alarm and the end still starts, a backlog does not.
        return intended_ns < self.limit.end_ns and self.limit.take(now_ns - self.interval_ns)

    def begin(self, workers: list[Worker], begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self.idle = list(reversed(workers))
        self.tick()

    def free(self, worker: Worker, now_ns: int) -> None:
        intended_ns = self.intended_ns(self.started)
        if intended_ns <= now_ns and self._take(intended_ns, now_ns):
            if self.idle:  # the alarm for it is on its way
                self._late(now_ns - intended_ns)
            else:
                self.waited += 1
            self.started += 1
            worker.begin(intended_ns)
            return
        self.idle.append(worker)
        self.busy -= 1
        self._end(now_ns)

    def tick(self) -> None:
        while self.idle:
            now_ns = self.clock()
            intended_ns = self.intended_ns(self.started)
            if intended_ns > now_ns or not self._take(intended_ns, now_ns):
                break
            self.started += 1
            self.busy += 1
            self._late(now_ns - intended_ns)
            self.idle.pop().begin(intended_ns)
        self._end(self.clock())


# Alarms that are closer together only cost: what became due since the last one starts together.
_SHORTEST_TICK_NS = 200_000
