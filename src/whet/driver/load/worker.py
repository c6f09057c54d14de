"""A worker of HTTP/1.1: it keeps its connection, dials again when that has ended, follows and retries.

When to start is the schedule's business; requests that need no judgement may be the lane's.
"""

from __future__ import annotations

import time

from whet.driver.load.connection import Connection
from whet.driver.load.dial import Dialer
from whet.driver.load.lane import Lane
from whet.driver.load.parser import Head, HeadCache
from whet.driver.load.target import Origin, Target
from whet.driver.load.turn import Spawn, Turn

__all__ = ["HttpWorker", "Route"]

_clock = time.perf_counter_ns
# Methods that may be sent again when a server has closed a connection that was idle (as Go's Transport does).
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "TRACE")


class Route:
    """What all workers of a target share: the request's bytes, known heads, resolved names.

    Attributes:
        follows: whether redirects are followed.
        timeout_ns: for one request; 0: none.
        lane: serves the connections to the target; None: the event loop does.
    """

    def __init__(self, target: Target, *, follows: bool, timeout_ns: int) -> None:
        self.target = target
        self.request = target.encoded()
        self.follows = follows
        self.timeout_ns = timeout_ns
        self.lane: Lane | None = None
        self.repeatable = target.message.method in _REPEATABLE
        self._caches = {to_head: HeadCache(to_head=to_head) for to_head in (False, True)}
        self._dialers: dict[Origin, Dialer] = {}

    def cache(self, method: str) -> HeadCache:
        """Return the heads that answered such requests."""
        return self._caches[method == "HEAD"]

    def dialer(self, origin: Origin) -> Dialer:
        """Return who connects to a server."""
        if origin not in self._dialers:
            self._dialers[origin] = Dialer(origin, self.target.proxy)
        return self._dialers[origin]


class HttpWorker(Turn):
    """One worker; `slot` is its number."""

    __slots__ = ("_asked_ns", "_follows", "_link", "_links", "_request", "_retried", "_route", "slot")

    def __init__(self, route: Route, spawn: Spawn, slot: int = 0) -> None:
        super().__init__(route.target, spawn, route.timeout_ns)
        self.slot = slot
        self._route = route
        self._request = route.request
        self._follows = route.follows
        self._link: Connection | None = None
        # Connections to where redirects have led.
        self._links: dict[Origin, Connection] = {}
        self._retried = False
        # When the request that was handed to the lane had started.
        self._asked_ns = 0

    def begin(self, intended_ns: int) -> None:
        self.intended_ns = intended_ns
        self.start_ns = self.ready_ns = _clock()
        self._retried = False
        link = self._link
        if link is None or not link.is_open:
            self.dial()
            return
        link.send(self, self._request)
        self.written_ns = _clock()

    def lend(self) -> tuple[int, int, int]:
        """Return the times of a request that is the lane's from now on: intended, start, ready."""
        self._asked_ns, self.start_ns = self.start_ns, 0
        return self.intended_ns, self._asked_ns, self.ready_ns

    def resume(self, intended_ns: int, start_ns: int, ready_ns: int, written_ns: int) -> None:
        """Take a request back that the lane has sent."""
        if start_ns != self._asked_ns:
            self._retried = False  # the lane has begun it
        self.intended_ns, self.start_ns, self.ready_ns, self.written_ns = (
            intended_ns, start_ns, ready_ns, written_ns,
        )  # fmt: skip

    def finished(self, link: Connection, head: Head, first_ns: int, end_ns: int, size_bytes: int) -> None:
        """Take a complete answer: follow it, or write it down and go on."""
        if head.closes:
            link.drop()
        if head.location and self._follows:
            if self.hop(head.status, head.location):
                self._follow()
            return
        self.answered(first_ns, end_ns, head.status, size_bytes)

    def failed(self, link: Connection, reason: str, *, unheard: bool) -> None:
        """Take that there is no answer; ask once more where the connection had only been idle too long."""
        if unheard and link.answers and self._route.repeatable and not self._retried:
            self._retried = True
            self.book.retried()
            self.dial()
            return
        self.give_up(reason)

    def drop(self) -> None:
        for link in (self._link, *self._links.values()):
            if link is not None:
                link.drop()
        self._link = None
        self._links.clear()

    async def connect(self) -> Connection:
        """Make a connection to where the next request goes.

        Raises:
            DialError: there is none.
        """
        target, route = self.target, self._route
        dialer, cache = route.dialer(target.origin), route.cache(target.message.method)
        is_home = target.origin == route.target.origin
        link: Connection
        if is_home and route.lane:
            link, dialed = await route.lane.connect(self.slot, dialer, cache)
        else:
            link, dialed = await dialer.connect(lambda: Connection(cache))
        self.book.dialed(dialed)
        if is_home:
            self._link = link
        else:
            self._links[target.origin] = link
        return link

    async def dial_and_send(self) -> None:
        self._write(await self.connect())

    def _write(self, link: Connection) -> None:
        self.ready_ns = _clock()
        request = self._request if self.target is self._route.target else self.target.encoded()
        link.send(self, request)
        self.written_ns = _clock()

    def _follow(self) -> None:
        """Go where a redirect leads."""
        self._retried = False
        is_home = self.target.origin == self._route.target.origin
        link = self._link if is_home else self._links.get(self.target.origin)
        if link is None or not link.is_open:
            self.dial()
        else:
            self._write(link)
