"""HTTP/2 by the library h2: all workers share connections, each request is a stream.

As in Go's client there is one connection, and another one only when the server allows no more streams on
it. Without TLS the client begins with HTTP/2 at once (RFC 9113, 3.3). h2 frames and flow control are the
library's, not ours.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

from whet.driver.load.dial import Dialer, DialError
from whet.driver.load.parser import REDIRECTS
from whet.driver.load.target import Origin, Target
from whet.driver.load.turn import Book, Spawn, Turn
from whet.driver.load.worker import Route
from whet.errors import UsageError

__all__ = ["Http2Worker", "SessionPools", "require_h2"]

_clock = time.perf_counter_ns
# Headers that belong to a connection have no place in HTTP/2 (RFC 9113, 8.2.2).
_NOT_IN_HTTP2 = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host")


def require_h2() -> None:
    """Raise unless the library is there.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import h2  # noqa: F401 (only whether it is there)
    except ImportError:
        raise UsageError("-h2 needs the library h2", hint="pip install 'whet[load]'") from None


class _Session(asyncio.Protocol):
    """One connection of HTTP/2."""

    def __init__(self, most_streams: int) -> None:
        from h2.config import H2Configuration
        from h2.connection import H2Connection

        self._h2: Any = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._workers: dict[int, Http2Worker] = {}
        self._bodies: dict[int, bytes] = {}
        self._most_streams = most_streams
        self.is_open = False
        # Set when the server's first frame has come, or will not come.
        self.greeted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.is_open = True
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(1 << 30)
        self._flush()

    @property
    def has_room(self) -> bool:
        """Whether another stream may be opened."""
        most = min(self._most_streams, self._h2.remote_settings.max_concurrent_streams)
        return self.is_open and len(self._workers) < most

    def ask(self, worker: Http2Worker, headers: list[tuple[str, str]], body: bytes) -> int:
        """Open a stream; return its number."""
        stream: int = self._h2.get_next_available_stream_id()
        self._workers[stream] = worker
        self._h2.send_headers(stream, headers, end_stream=not body)
        if body:
            self._bodies[stream] = body
            self._send_body(stream)
        self._flush()
        return stream

    def forget(self, stream: int) -> None:
        """Give a stream up."""
        if self._workers.pop(stream, None) is not None and self.is_open:
            self._bodies.pop(stream, None)
            self._h2.reset_stream(stream, error_code=8)
            self._flush()

    def _send_body(self, stream: int) -> None:
        """Send as much as the server's windows allow."""
        body = self._bodies.pop(stream)
        while body:
            room = min(
                self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size, len(body)
            )
            if room <= 0:
                self._bodies[stream] = body
                return
            self._h2.send_data(stream, body[:room], end_stream=room == len(body))
            body = body[room:]

    def data_received(self, data: bytes) -> None:
        from h2.exceptions import ProtocolError

        now_ns = _clock()
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            self._end(f"malformed answer: {str(error) or type(error).__name__}".lower())
            return
        if events and not self.greeted.done():
            self.greeted.set_result(True)
        for event in events:
            self._take(event, now_ns)
        if self.is_open:
            self._flush()

    def _take(self, event: Any, now_ns: int) -> None:
        name = type(event).__name__
        if name == "DataReceived":
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if name == "WindowUpdated":
            for stream in list(self._bodies):
                self._send_body(stream)
        elif name == "ConnectionTerminated":
            self._end("the server ended the connection")
        worker = self._workers.get(getattr(event, "stream_id", None) or 0)
        if worker is None:
            return
        if name == "ResponseReceived":
            worker.heard(event.headers, now_ns)
        elif name == "DataReceived":
            worker.size_bytes += len(event.data)
        elif name in ("StreamEnded", "StreamReset"):
            del self._workers[event.stream_id]
            self._bodies.pop(event.stream_id, None)
            if name == "StreamEnded":
                worker.finished(now_ns)
            else:
                worker.failed(f"the server reset the stream: error {int(event.error_code)}")

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self.transport.write(data)

    def eof_received(self) -> None:
        self._end("the server closed the connection before it answered")

    def connection_lost(self, exc: Exception | None) -> None:
        text = getattr(exc, "strerror", None) or str(
            exc or "the server closed the connection before it answered"
        )
        self._end(text.lower())

    def _end(self, reason: str) -> None:
        self.is_open = False
        if not self.greeted.done():
            self.greeted.set_result(False)
        workers, self._workers = list(self._workers.values()), {}
        self.transport.abort()
        for worker in workers:
            worker.failed(reason)

    def drop(self) -> None:
        """End the connection; whoever waits is told nothing."""
        self._workers.clear()
        self.is_open = False
        self.transport.abort()


class SessionPool:
    """The connections to one server, which the workers share."""

    def __init__(self, dialer: Dialer) -> None:
        self.dialer = dialer
        self._sessions: list[_Session] = []
        self._lock = asyncio.Lock()

    def free(self) -> _Session | None:
        """Return a connection with room for one more stream, if there is one."""
        return next((session for session in self._sessions if session.has_room), None)

    async def get(self, book: Book) -> _Session:
        """Return a connection with room, a new one if need be.

        Raises:
            DialError: none can be made, or the server does not speak HTTP/2.
        """
        async with self._lock:
            found = self.free()
            if found is None:
                found, dialed = await self.dialer.connect(lambda: _Session(_MOST_STREAMS))
                is_refused = self.dialer.origin.scheme == "https" and dialed.alpn != "h2"
                if is_refused or not await found.greeted:
                    found.drop()
                    raise DialError("the server does not speak HTTP/2")
                book.dialed(dialed)
                self._sessions = [session for session in self._sessions if session.is_open]
                self._sessions.append(found)
            return found

    def close(self) -> None:
        """End all connections."""
        for session in self._sessions:
            session.drop()
        self._sessions.clear()


class SessionPools:
    """The connections to the target and to where redirects lead."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self._pools: dict[Origin, SessionPool] = {}

    def of(self, origin: Origin) -> SessionPool:
        """Return the connections to a server."""
        if origin not in self._pools:
            self._pools[origin] = SessionPool(Dialer(origin, self.route.target.proxy, "h2"))
        return self._pools[origin]

    def close(self) -> None:
        """End all connections."""
        for pool in self._pools.values():
            pool.close()


# What RFC 9113 recommends servers to allow, until one says what it allows.
_MOST_STREAMS = 100


class Http2Worker(Turn):
    """One worker: a stream at a time.

    Attributes:
        size_bytes: of its answer so far.
    """

    __slots__ = (
        "_first_ns", "_headers", "_location", "_pool", "_pools", "_session", "_status", "_stream",
        "size_bytes",
    )  # fmt: skip

    def __init__(self, spawn: Spawn, pools: SessionPools) -> None:
        route = pools.route
        super().__init__(route.target, spawn, route.timeout_ns)
        self._pools = pools
        self._pool = pools.of(route.target.origin)
        self._headers = _headers(route.target)
        self._session: _Session | None = None
        self._stream = self._status = self._first_ns = 0
        self._location = ""
        self.size_bytes = 0

    def begin(self, intended_ns: int) -> None:
        self.intended_ns = intended_ns
        self.start_ns = _clock()
        self._go(self._pool)

    def _go(self, pool: SessionPool) -> None:
        session = pool.free()
        if session is None:
            self.dial()
        else:
            self._ask(session)

    async def connect(self) -> None:
        """Make the connection that all share.

        Raises:
            DialError: there is none.
        """
        await self._pool.get(self.book)

    async def dial_and_send(self) -> None:
        self._ask(await self._pools.of(self.target.origin).get(self.book))

    def _ask(self, session: _Session) -> None:
        self._session = session
        self._first_ns = self.size_bytes = self._status = 0
        self._location = ""
        self.ready_ns = _clock()
        headers = self._headers if self.target is self.home else _headers(self.target)
        self._stream = session.ask(self, headers, self.target.message.body)
        self.written_ns = _clock()

    def heard(self, headers: list[tuple[str, str]], now_ns: int) -> None:
        """Take the head of the answer."""
        self._first_ns = now_ns
        found = dict(reversed(headers))
        status = found.get(":status", "0")
        self._status = int(status) if len(status) == 3 and status.isascii() and status.isdigit() else 0
        if self._status in REDIRECTS and self._pools.route.follows:
            self._location = found.get("location", "")

    def finished(self, end_ns: int) -> None:
        """Take the end of the answer: follow it, or write it down and go on."""
        self._session = None
        if not self._first_ns:
            self.give_up("malformed answer: a stream without a head")
        elif self._status < 100:
            self.give_up("malformed answer: no status")
        elif not self._location:
            self.answered(self._first_ns, end_ns, self._status, self.size_bytes)
        elif self.hop(self._status, self._location):
            self._go(self._pools.of(self.target.origin))

    def failed(self, reason: str) -> None:
        """Take that there is no answer."""
        self._session = None
        self.give_up(reason)

    def drop(self) -> None:
        if self._session is not None:
            self._session.forget(self._stream)
            self._session = None


def _headers(target: Target) -> list[tuple[str, str]]:
    message = target.message
    own = [
        (":method", message.method),
        (":authority", message.host or target.origin.authority),
        (":scheme", target.origin.scheme),
        (":path", target.path),
    ]
    others = [(name.lower(), value) for name, value in message.headers if name.lower() not in _NOT_IN_HTTP2]
    if message.body:
        others.append(("content-length", str(len(message.body))))
    return own + others
