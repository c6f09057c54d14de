"""A worker's turn: one request with its redirects and times, whatever the protocol that carries it.

What is known of an answer goes to a `Book` as a row of `analyze.load.totals.Column`. How requests are sent
is for the workers of each protocol.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from whet.driver.load.dial import Dialed, DialError
from whet.driver.load.schedule import Schedule
from whet.driver.load.target import Target
from whet.errors import UsageError

__all__ = ["Book", "Spawn", "Turn"]

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
_clock = time.perf_counter_ns
_MOST_HOPS = 10


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


class Turn:
    """What the workers of all protocols share.

    Attributes:
        schedule, book: of the load that runs; None before the first.
        intended_ns: when the request should have started.
        start_ns: when it did; 0 while none is under way here.
        ready_ns, written_ns: when its connection was there, when it was handed to the kernel.
    """

    __slots__ = (
        "book", "home", "hops", "intended_ns", "ready_ns", "schedule", "spawn", "start_ns", "target", "task",
        "timeout_ns", "written_ns",
    )  # fmt: skip

    def __init__(self, home: Target, spawn: Spawn, timeout_ns: int) -> None:
        """Args: home is where every request begins; timeout_ns is for one request."""
        self.home = home
        self.target = home
        self.spawn = spawn
        self.timeout_ns = timeout_ns
        self.task: asyncio.Task[None] | None = None
        self.hops = 0
        self.intended_ns = self.start_ns = self.ready_ns = self.written_ns = 0
        self.book: Book
        self.schedule: Schedule

    async def dial_and_send(self) -> None:
        """Make a connection to the target and send it the request.

        Raises:
            DialError: there is none.
        """
        raise NotImplementedError

    def drop(self) -> None:
        """Let go of what carries the request; nobody is told."""
        raise NotImplementedError

    def dial(self) -> None:
        """Send the request on a new connection, as soon as there is one."""
        self.task = self.spawn(self._dial())

    async def _dial(self) -> None:
        try:
            await self.dial_and_send()
        except DialError as error:
            self.task = None
            self.give_up(str(error))
            return
        self.task = None

    def expire(self, now_ns: int) -> None:
        """Give up a request that takes too long."""
        if self.start_ns and now_ns - self.start_ns >= self.timeout_ns:
            self.close()
            self.give_up(f"no answer within {self.timeout_ns / 1e9:g} s")

    def close(self) -> None:
        """End what is under way."""
        if self.task is not None:
            self.task.cancel()
            self.task = None
        self.drop()

    def give_up(self, reason: str) -> None:
        """Take that there is no answer."""
        self.book.failed(reason)
        self.go_home()
        self.start_ns = 0
        # Not at once: a server that refuses everybody must not end in a recursion.
        asyncio.get_running_loop().call_soon(self.schedule.free, self, _clock())

    def go_home(self) -> None:
        """Let the next request begin where all begin."""
        self.hops = 0
        self.target = self.home

    def hop(self, status: int, location: str) -> bool:
        """Take a redirect's target; return whether there is one, else the request was given up."""
        self.hops += 1
        if self.hops > _MOST_HOPS:
            self.give_up(f"stopped after {_MOST_HOPS} redirects")
            return False
        try:
            self.target = self.target.redirected(status, location)
        except UsageError:
            self.give_up("a redirect to what is no address")
            return False
        return True

    def begin(self, intended_ns: int) -> None:
        """Start a request that should have started then."""
        raise NotImplementedError

    def answered(self, first_ns: int, end_ns: int, status: int, size_bytes: int) -> None:
        """Write a complete answer down and go on."""
        if self.hops:
            self.go_home()
        book = self.book
        book.rows += (
            self.intended_ns, self.start_ns, self.ready_ns, self.written_ns, first_ns, end_ns, status,
            size_bytes,
        )  # fmt: skip
        book.answered()
        self.start_ns = 0
        self.schedule.free(self, end_ns)
