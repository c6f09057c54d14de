"""The fast lane: connections whose answers repeat are served by compiled code, all else is handed out.

The lane (native/load) sends the request, compares heads with those it was taught here and counts bodies.
Bytes that it does not know, connections that end and requests that take too long come here as events, and go
the way that they go without it: to a `Connection` and its worker. It carries HTTP/1.1 without TLS.
"""

from __future__ import annotations

import asyncio
import os
from types import ModuleType
from typing import Protocol, cast

from whet.driver.load.connection import CUT_OFF, UNASKED, Asker, Connection
from whet.driver.load.dial import Dialed, Dialer, DialError
from whet.driver.load.ledger import Ledger
from whet.driver.load.parser import BadAnswerError, HeadCache
from whet.driver.load.schedule import Schedule
from whet.driver.load.schedule import Worker as Starter

__all__ = ["Lane", "LaneSchedule", "Rider", "load_native"]

# native/load/lane.hpp: Kind and State.
_BEGIN, _DATA, _ENDED, _EXCESS, _EXPIRED = range(5)
_IDLE, _ASKED, _HANDED = range(3)
_BLOCK_ROWS = 4096
_END = b"\r\n\r\n"


def load_native() -> ModuleType | None:
    """Return the compiled lane; None where nothing was compiled."""
    try:
        import whet._load as _load
    except ImportError:
        return None
    return _load


class Rider(Asker, Protocol):
    """A worker whose requests the lane sends."""

    slot: int

    def begin(self, intended_ns: int) -> None:
        """Start a request that should have started then."""

    def lend(self) -> tuple[int, int, int]:
        """Return the times of a request that the lane sends."""

    def resume(self, intended_ns: int, start_ns: int, ready_ns: int, written_ns: int) -> None:
        """Take such a request back."""

    def expire(self, now_ns: int) -> None:
        """Give up a request that takes too long."""


class Lane:
    """The connections of one target."""

    def __init__(self, native: ModuleType, request: bytes, slots: int, *, follows: bool) -> None:
        """Args: request is what the lane sends; slots, how many workers; follows: redirects are followed."""
        self.request = request
        self._native = native.Lane(request, slots)
        self._follows = follows
        self._loop = asyncio.get_running_loop()
        self._riders: list[Rider] = []
        self._links: dict[int, _Link] = {}
        self._caches: dict[int, HeadCache] = {}
        self._schedule: LaneSchedule | None = None
        self._ledger: Ledger
        self._watched = -1

    async def connect(self, slot: int, dialer: Dialer, cache: HeadCache) -> tuple[Connection, Dialed]:
        """Return a connection of a worker, and what it took.

        Raises:
            DialError: there is none.
        """
        made, dialed = await dialer.open()
        try:
            self._native.attach(slot, made.detach())
        except OSError as error:
            raise DialError(str(error.strerror).lower()) from None
        link = self._links[slot] = _Link(self, slot, cache)
        self._caches[slot] = cache
        return link, dialed

    def begin(self, riders: list[Rider], ledger: Ledger, schedule: LaneSchedule, watched: int) -> None:
        """Take a phase's riders and its books; `watched`: a file whose readiness gives the loop its turn."""
        self._riders, self._ledger, self._schedule = riders, ledger, schedule
        ledger.pull = self._drain
        self._watched = watched
        self._native.watch(watched)
        self._loop.add_reader(self._native.descriptor(), self._step)

    def end(self) -> None:
        """End the phase."""
        self._loop.remove_reader(self._native.descriptor())
        self._native.unwatch(self._watched)
        self._schedule = None

    def start(self, plan: Schedule, rate_hz: float) -> None:
        """Let requests start as planned."""
        limit = plan.limit
        self._native.begin(plan.begin_ns, limit.end_ns, limit.left, rate_hz, plan.interval_ns)
        self._loop.call_soon(self._step)

    def stop(self) -> None:
        """Let none start any more."""
        self._native.stop()

    def ask(self, slot: int) -> None:
        """Send the request of a worker."""
        self._watch(sent=self._native.ask(slot, *self._riders[slot].lend()))

    def send(self, slot: int, data: bytes) -> None:
        """Send some other bytes."""
        self._watch(sent=self._native.send(slot, data))

    def detach(self, slot: int) -> None:
        """End a connection."""
        self._native.detach(slot)

    def next(self, rider: Rider, now_ns: int) -> None:
        """Let a worker that has become free go on, or rest."""
        intended_ns = self._native.next(rider.slot, now_ns)
        if intended_ns >= 0:
            rider.begin(intended_ns)
        else:
            self._look()

    def expire(self, before_ns: int, now_ns: int) -> int:
        """Give up requests that began before; return when the oldest of the others began, or now."""
        oldest_ns, events = self._native.expire(before_ns, now_ns)
        self._take(events)
        return int(oldest_ns)

    def _watch(self, *, sent: bool) -> None:
        if not sent:
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        if self._schedule:
            self._take(self._native.step())

    def _take(
        self, events: list[tuple[int, int, int, bool, int, int, int, tuple[int, int, int, int], bytes]]
    ) -> None:
        for event in events:
            self._judge(*event)
        self._look()

    def _look(self) -> None:
        if self._native.pending() >= _BLOCK_ROWS:
            self._ledger.flush()
        if self._schedule:
            self._schedule.started, self._schedule.waited = self._native.started(), self._native.waited()
            if self._native.is_over():
                self._schedule.done()

    def _drain(self) -> None:
        """Write down what the lane has counted."""
        self._ledger.take(self._native.rows(), self._native.late())

    def _judge(
        self, kind: int, slot: int, was: int, heard: bool, error: int, at_ns: int, answers: int,
        times: tuple[int, int, int, int], data: bytes,
    ) -> None:  # fmt: skip
        rider = self._riders[slot]
        if kind == _BEGIN:
            rider.begin(times[0])
            return
        link = self._links[slot]
        link.answers += answers
        if was == _ASKED:
            rider.resume(*times)
        if was != _HANDED:
            link.asker = rider if was == _ASKED else None
        if kind == _EXPIRED:
            rider.expire(at_ns)
        elif kind == _DATA:
            if was == _ASKED:
                self._learn(slot, data)
            link.data_received(data, at_ns)
        elif kind == _EXCESS:
            link.fail(UNASKED, unheard=False)
        elif heard:
            link.fail(os.strerror(error).lower() if error else CUT_OFF, unheard=False)
        else:
            link.lost(OSError(error, os.strerror(error)) if error else None)

    def _learn(self, slot: int, data: bytes) -> None:
        """Teach the lane the head of an answer, if it needs no judgement."""
        end = data.find(_END) + len(_END)
        if end < len(_END):
            return
        try:
            head = self._caches[slot].read(data[:end])
        except BadAnswerError:
            return
        is_led = bool(head.location) and self._follows
        if head.status >= 200 and head.length >= 0 and not head.closes and not is_led:
            self._native.learn(data[:end], head.length, head.status)


class _Link(Connection):
    """A connection that the lane reads; its transport is the lane."""

    __slots__ = ("_lane", "_slot")

    def __init__(self, lane: Lane, slot: int, cache: HeadCache) -> None:
        super().__init__(cache)
        self._lane = lane
        self._slot = slot
        self.connection_made(cast(asyncio.BaseTransport, _Pipe(lane, slot)))

    def send(self, asker: Asker, request: bytes) -> None:
        self.asker = asker
        if request is self._lane.request:
            self._lane.ask(self._slot)
        else:
            self.transport.write(request)


class _Pipe:
    """The part of a transport that a connection uses."""

    def __init__(self, lane: Lane, slot: int) -> None:
        self._lane = lane
        self._slot = slot
        self._is_open = True

    def write(self, data: bytes) -> None:
        self._lane.send(self._slot, data)

    def abort(self) -> None:
        if self._is_open:
            self._is_open = False
            self._lane.detach(self._slot)


class LaneSchedule(Schedule):
    """A schedule that the lane keeps, as `plan` says."""

    def __init__(self, plan: Schedule, lane: Lane, rate_hz: float) -> None:
        super().__init__(plan.limit, plan.clock, plan.done)
        self._plan = plan
        self._lane = lane
        self._rate_hz = rate_hz

    def begin(self, workers: list[Starter], begin_ns: int) -> None:  # noqa: ARG002 (they are the lane's)
        self._plan.begin_ns = begin_ns
        self._lane.start(self._plan, self._rate_hz)

    def free(self, worker: Starter, now_ns: int) -> None:
        self._lane.next(cast(Rider, worker), now_ns)

    def due(self, now_ns: int) -> int:
        return self._plan.due(now_ns)

    def stop(self) -> None:
        self._lane.stop()
        super().stop()
