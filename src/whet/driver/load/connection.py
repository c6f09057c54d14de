"""A connection of HTTP/1.1 as the event loop sees it: bytes out, answers in.

The hot path is `data_received`: an answer that comes in one piece with a head that is known is done after a
search, a slice and a lookup. Times are of time.perf_counter_ns. It knows no schedule and no statistics.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, cast

from whet.driver.load.parser import BadAnswerError, Head, HeadCache, Parser

__all__ = ["CUT_OFF", "UNASKED", "Asker", "Connection"]

_clock = time.perf_counter_ns
_END = b"\r\n\r\n"
CLOSED_EARLY = "the server closed the connection before it answered"
CUT_OFF = "the server closed the connection in the middle of an answer"
UNASKED = "malformed answer: bytes after its end"


class Asker(Protocol):
    """Who is told what became of a request."""

    def finished(self, link: Connection, head: Head, first_ns: int, end_ns: int, size_bytes: int) -> None:
        """Take a complete answer."""

    def failed(self, link: Connection, reason: str, *, unheard: bool) -> None:
        """Take that there will be none; `unheard`: not a byte came."""


class Connection(asyncio.Protocol):
    """One connection.

    Attributes:
        asker: who waits for an answer, None while nobody does.
        is_open: a request can be sent.
        answers: how many came.
    """

    __slots__ = ("_cache", "_first_ns", "_known", "_parser", "answers", "asker", "is_open", "transport")

    def __init__(self, cache: HeadCache) -> None:
        self._cache = cache
        self._known = cache.known
        self._parser: Parser | None = None
        self._first_ns = 0
        self.asker: Asker | None = None
        self.is_open = False
        self.answers = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def send(self, asker: Asker, request: bytes) -> None:
        """Send a request; one at a time."""
        self.asker = asker
        self.transport.write(request)

    def data_received(self, data: bytes, at_ns: int = 0) -> None:
        """Take bytes that came then; 0: now."""
        now_ns = at_ns or _clock()
        asker = self.asker
        if self._parser is None and asker is not None:
            end = data.find(_END) + 4
            head = self._known.get(data[:end])
            if head is not None and end + head.length == len(data):
                self.asker = None
                self.answers += 1
                asker.finished(self, head, now_ns, now_ns, head.length)
                return
        self._parse(data, now_ns)

    def _parse(self, data: bytes, now_ns: int) -> None:
        if self.asker is None:
            # Nothing was asked: what comes cannot belong to anything, and the next answer could not be told
            # from it.
            self.drop()
            return
        if self._parser is None:
            self._parser = Parser(self._cache)
            self._first_ns = now_ns
        parser = self._parser
        try:
            complete = parser.feed(data)
        except BadAnswerError as error:
            self.fail(str(error), unheard=False)
            return
        if complete and parser.rest:
            self.fail(UNASKED, unheard=False)
        elif complete:
            self._finish(parser, now_ns)

    def _finish(self, parser: Parser, now_ns: int) -> None:
        asker, head = self.asker, parser.head
        assert asker is not None
        assert head is not None
        self._parser = self.asker = None
        self.answers += 1
        asker.finished(self, head, self._first_ns, now_ns, parser.size_bytes)

    def eof_received(self) -> None:
        self.lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost(exc)

    def lost(self, error: Exception | None) -> None:
        """Take that the connection has ended."""
        self.is_open = False
        if self.asker is None:
            return
        if self._parser is not None and error is None and self._parser.end():
            self._finish(self._parser, _clock())
            return
        if isinstance(error, OSError):
            reason = (error.strerror or str(error) or type(error).__name__).lower()
        else:
            reason = CUT_OFF if self._parser else CLOSED_EARLY
        self.fail(reason, unheard=self._parser is None)

    def fail(self, reason: str, *, unheard: bool) -> None:
        """End the connection and tell who waits; `unheard`: not a byte of the answer came."""
        asker = self.asker
        assert asker is not None
        self.drop()
        asker.failed(self, reason, unheard=unheard)

    def drop(self) -> None:
        """End the connection now; whoever waits is told nothing."""
        self.asker = self._parser = None
        self.is_open = False
        self.transport.abort()
