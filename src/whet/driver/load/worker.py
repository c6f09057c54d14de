"""A worker: one request at a time, with its redirects, its second try and its times.

It keeps its connection and dials again when that has ended. What is known of an answer goes to a `Book` as
a row of `analyze.load.totals.Column`. When to start is the schedule's business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from whet.driver.load.connection import Connection
from whet.driver.load.dial import Dialed, Dialer, DialError
from whet.driver.load.parser import Head, HeadCache
from whet.driver.load.schedule import Schedule
from whet.driver.load.target import Origin, Target
from whet.errors import UsageError

__all__ = ["Book", "HttpWorker", "Route", "Spawn"]

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

_clock = time.perf_counter_ns
_MOST_HOPS = 10
# Methods that may be sent again when a server has closed a connection that was idle (as Go's Transport does).
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "TRACE")


class Book(Protocol):
    """Who writes down what happened."""

    rows: list[int]

    def answered(self) -> None:
        """Take that `rows` has become longer."""

    def failed(self, reason: str) -> None:
        """Count a request without an answer."""

    def dialed(self, dialed: Dialed) -> None:
        """Count a connection that was made."""

    def retried(self) -> None:
        """Count a request that was sent again."""


class Route:
    """What all workers of a target share: the request's bytes, known heads, resolved names.

    Attributes:
        follows: whether redirects are followed.
        timeout_ns: for one request; 0: none.
    """

    def __init__(self, target: Target, *, follows: bool, timeout_ns: int) -> None:
        self.target = target
        self.request = target.encoded()
        self.follows = follows
        self.timeout_ns = timeout_ns
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


class HttpWorker:
    """One worker of HTTP/1.1.

    Attributes:
        schedule, book: of the load that runs; None before the first.
        start_ns: of the request that is under way; 0 while there is none.
    """

    __slots__ = (
        "_follows", "_hops", "_intended_ns", "_link", "_links", "_ready_ns", "_request", "_retried",
        "_route", "_spawn", "_target", "_task", "_written_ns", "book", "schedule", "start_ns",
    )  # fmt: skip

    def __init__(self, route: Route, spawn: Spawn) -> None:
        self._route = route
        self._request = route.request
        self._follows = route.follows
        self._spawn = spawn
        self._link: Connection | None = None
        # Connections to where redirects have led.
        self._links: dict[Origin, Connection] = {}
        self._target = route.target
        self._task: asyncio.Task[None] | None = None
        self._hops = 0
        self._retried = False
        self._intended_ns = self._ready_ns = self._written_ns = 0
        self.start_ns = 0
        self.book: Book
        self.schedule: Schedule

    def begin(self, intended_ns: int) -> None:
        """Start a request that should have started then."""
        self._intended_ns = intended_ns
        self.start_ns = _clock()
        link = self._link
        if link is None or not link.is_open:
            self._send_new()
            return
        self._ready_ns = self.start_ns
        link.send(self, self._request)
        self._written_ns = _clock()

    def finished(self, link: Connection, head: Head, first_ns: int, end_ns: int, size_bytes: int) -> None:
        """Take a complete answer: follow it, or write it down and go on."""
        if head.closes:
            link.drop()
        if self._hops or (head.location and self._follows):
            if head.location and self._follows:
                self._hop(head)
                return
            self._go_home()
        book = self.book
        book.rows += (
            self._intended_ns, self.start_ns, self._ready_ns, self._written_ns, first_ns, end_ns, head.status,
            size_bytes,
        )  # fmt: skip
        book.answered()
        self._retried = False
        self.start_ns = 0
        self.schedule.free(self, end_ns)

    def failed(self, link: Connection, reason: str, *, unheard: bool) -> None:
        """Take that there is no answer; ask once more where the connection had only been idle too long."""
        if unheard and link.answers and self._route.repeatable and not self._retried:
            self._retried = True
            self.book.retried()
            self._send_new()
            return
        self._give_up(reason)

    def expire(self, now_ns: int) -> None:
        """Give up a request that takes too long."""
        if self.start_ns and now_ns - self.start_ns >= self._route.timeout_ns:
            self.close()
            self._give_up(f"no answer within {self._route.timeout_ns / 1e9:g} s")

    def close(self) -> None:
        """End all connections."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        for link in (self._link, *self._links.values()):
            if link is not None:
                link.drop()
        self._link = None
        self._links.clear()

    def _give_up(self, reason: str) -> None:
        self.book.failed(reason)
        self._go_home()
        self._retried = False
        self.start_ns = 0
        # Not at once: a server that refuses everybody must not end in a recursion.
        asyncio.get_running_loop().call_soon(self.schedule.free, self, _clock())

    def _go_home(self) -> None:
        self._hops = 0
        self._target = self._route.target

    def _send_new(self) -> None:
        self._task = self._spawn(self._dial_and_send())

    async def connect(self) -> Connection:
        """Make a connection to where the next request goes.

        Raises:
            DialError: there is none.
        """
        target, route = self._target, self._route
        link, dialed = await route.dialer(target.origin).connect(
            lambda: Connection(route.cache(target.message.method))
        )
        self.book.dialed(dialed)
        if target.origin == route.target.origin:
            self._link = link
        else:
            self._links[target.origin] = link
        return link

    async def _dial_and_send(self) -> None:
        try:
            link = await self.connect()
        except DialError as error:
            self._task = None
            self._give_up(str(error))
            return
        self._task = None
        self._write(link)

    def _write(self, link: Connection) -> None:
        self._ready_ns = _clock()
        request = self._request if self._target is self._route.target else self._target.encoded()
        link.send(self, request)
        self._written_ns = _clock()

    def _hop(self, head: Head) -> None:
        """Go where a redirect leads."""
        self._hops += 1
        if self._hops > _MOST_HOPS:
            self._give_up(f"stopped after {_MOST_HOPS} redirects")
            return
        try:
            self._target = self._target.redirected(head.status, head.location)
        except UsageError:
            self._give_up("a redirect to what is no address")
            return
        self._retried = False
        is_home = self._target.origin == self._route.target.origin
        link = self._link if is_home else self._links.get(self._target.origin)
        if link is None or not link.is_open:
            self._send_new()
        else:
            self._write(link)
