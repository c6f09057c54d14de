"""The endpoints on a thread of their own: `whet.live.start("127.0.0.1:6060")`.

One thread accepts, and reads heads of requests, all at once and with deadlines, so that slow
clients keep nobody waiting; answers are made on a few others. One request for each connection.
The program does not wait for any of these threads when it ends, and no collector sees them.
"""

import atexit
import os
import socket
import weakref

# As they are now: gevent puts others in their place, which know one thread only.
from _thread import allocate_lock, get_native_id, start_new_thread
from select import POLLIN, POLLOUT
from select import poll as poll_object
from time import monotonic, sleep

from whet.collect.probe import load_probe
from whet.errors import CollectError, UsageError, WhetError
from whet.live import workers
from whet.live.connections import Address, is_gone, parse_head
from whet.live.messages import Request, Response, failure
from whet.live.setting_up import set_up
from whet.live.waiting import Wait

__all__ = ["LiveServer", "start"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    from _thread import LockType
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from whet.live.endpoints import Endpoints

_HEAD_WITHIN_S = 10.0
_ANSWER_READ_WITHIN_S = 60.0
_LARGEST_HEAD = 32 * 1024
_MOST_CONNECTIONS = 256
_REASONS = {
    200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict",
    431: "Request Header Fields Too Large", 499: "Client Closed Request", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip


def start(
    address: str = "127.0.0.1:6060",
    *,
    token: str | None = None,
    allow: "Callable[[Request], object] | None" = None,
    max_seconds: int = 300,
    redact: "bool | Callable[[list[str]], Sequence[str]]" = False,
    heap: bool | int = False,
    block: bool | int = False,
) -> "LiveServer":
    """Serve the endpoints until the program ends, or until `close` of what is returned.

    Args:
        address: `HOST:PORT`, where port 0 is any free one and `PORT+` that one or one of the next
            hundred; or `unix:PATH`, where `%p` is the process's id. Forked children serve, too,
            where each can have an address of its own.
        token: what a client must show, as password, bearer or `?token=`.
        allow: decides on each request; without it and a token only this machine may ask.
        max_seconds: the longest profile.
        redact: hides secrets in the command line: True, or a callable that gets the arguments.
        heap: record the heap from now on; a number is the mean bytes between two samples.
        block: record waits from now on; a number is the shortest wait in ns.

    Raises:
        CollectError: this interpreter cannot be measured.
        SourceError: the address is taken, or cannot be had.
        UsageError: an option is out of range, or others could ask and nothing would keep them away.
    """
    where = Address(address)
    if not where.is_local and token is None and allow is None:
        raise UsageError(
            f"{address} can be reached from other machines, and nothing would keep them away",
            hint="set token= or allow=, or listen at 127.0.0.1 or a unix socket",
        )
    # Were it first imported on a thread of ours, it would take that for the main one.
    import threading  # noqa: F401

    sock, text = where.listen()
    try:
        endpoints = set_up(
            token=token, allow=allow, max_seconds=max_seconds, redact=redact, heap=heap, block=block
        )
    except WhetError:
        sock.close()
        raise
    server = LiveServer(where, endpoints)
    server.open(sock, text)
    return server


class LiveServer:
    """A running server; `address` is where it listens, `url` what to give to `go tool pprof`."""

    def __init__(self, where: Address, endpoints: "Endpoints") -> None:
        self._where = where
        self._endpoints = endpoints
        self._sock: socket.socket | None = None
        self._waits: set[Wait] = set()
        self._pid = os.getpid()
        self._thread = _Listener(self)
        self.address = ""
        # Called with the address wherever a forked child begins to serve.
        self.announce: Callable[[str], None] | None = None

    @property
    def url(self) -> str:
        """The index page, or the path of the socket."""
        return self.address if self.address.startswith("unix:") else f"http://{self.address}/debug/pprof/"

    def open(self, sock: socket.socket, address: str) -> None:
        """Begin to serve at a listening socket."""
        self._sock, self.address = sock, address
        sock.setblocking(False)
        self._thread.start(sock)
        _servers.add(self)
        _register()

    def close(self) -> None:
        """Stop serving; profiles being taken are given up. Again has no effect."""
        _servers.discard(self)
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._thread.stop()
        for wait in list(self._waits):
            wait.cancel()
        sock.close()
        self._remove_path()

    def pause(self) -> None:
        """End the thread for a moment: from 3.12 on os.fork warns of threads."""
        self._thread.stop()

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._sock is not None:
            self._thread.start(self._sock)

    def after_fork(self) -> None:
        """In a child: the parent's socket is the parent's; listen at an own one where there is one."""
        self._waits = set()
        self._thread = _Listener(self)
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()
        self._pid = os.getpid()
        if not self._where.is_for_each:
            _servers.discard(self)
            return
        try:
            self.open(*self._where.listen())
        except WhetError:
            _servers.discard(self)
            return
        if self.announce is not None:
            self.announce(self.address)

    def accept(self, connection: socket.socket, head: bytes, peer: str) -> None:
        """Answer a request on a worker's thread."""
        if not workers.submit(lambda: self._answer(connection, head, peer)):
            _send(connection, failure(503, "too many requests", ("Retry-After", "1")), has_body=True)

    def _answer(self, connection: socket.socket, head: bytes, peer: str) -> None:
        wait = Wait(lambda: is_gone(connection))
        self._waits.add(wait)
        try:
            parsed = parse_head(head)
            if parsed is None:
                _send(connection, failure(400, "400 Bad Request"), has_body=True)
                return
            method, target, version, headers = parsed
            path, _, query = target.partition("?")
            request = Request(
                method, _unquoted(path), query=query, headers=headers, peer=peer, version=version, wait=wait
            )
            _send(connection, self._endpoints.answer(request), has_body=method != "HEAD")
        finally:
            self._waits.discard(wait)
            connection.close()

    def _remove_path(self) -> None:
        if self.address.startswith("unix:") and self._pid == os.getpid():
            try:
                os.unlink(self.address.removeprefix("unix:"))
            except OSError:
                return  # somebody else removed it


class _Listener:
    """The thread that accepts connections and reads heads of requests."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._connections: dict[int, _Connection] = {}
        self._bell: tuple[int, int] | None = None
        self._ended = allocate_lock()
        self._tid = 0

    def start(self, sock: socket.socket) -> None:
        if self._bell is not None:
            return
        self._bell = os.pipe()
        self._ended = allocate_lock()
        self._ended.acquire()
        try:
            start_new_thread(self._run, (sock, self._bell[0], self._ended))
        except RuntimeError:
            self._close_bell()
            raise CollectError("no thread can be started to serve at") from None

    def stop(self) -> None:
        """End the thread and wait for that; connections are closed."""
        if self._bell is None:
            return
        os.write(self._bell[1], b"x")
        self._ended.acquire()
        self._close_bell()
        give_up = monotonic() + 0.1
        while os.path.exists(f"/proc/self/task/{self._tid}") and monotonic() < give_up:
            os.sched_yield()

    def _close_bell(self) -> None:
        if self._bell is not None:
            for end in self._bell:
                os.close(end)
        self._bell = None

    def _run(self, sock: socket.socket, bell: int, ended: "LockType") -> None:
        self._tid = get_native_id()
        probe = _probe()
        if probe is not None:
            probe.own_thread_begin()
        try:
            self._serve(sock, bell)
        finally:
            for connection in self._connections.values():
                connection.sock.close()
            self._connections.clear()
            if probe is not None:
                probe.own_thread_end()
            ended.release()

    def _serve(self, sock: socket.socket, bell: int) -> None:
        poll = poll_object()
        poll.register(bell, POLLIN)
        poll.register(sock.fileno(), POLLIN)
        while True:
            timeout = 1000 if self._connections else None
            for fd, _ in poll.poll(timeout):
                if fd == bell:
                    return
                if fd == sock.fileno():
                    self._accept(sock, poll)
                elif fd in self._connections:
                    self._read(fd, poll)
            self._drop_late(poll)

    def _accept(self, sock: socket.socket, poll: "select.poll") -> None:
        try:
            connection, address = sock.accept()
        except OSError:
            sleep(0.01)  # gone already, or no file descriptor is left; the next round tries again
            return
        if len(self._connections) >= _MOST_CONNECTIONS:
            self._drop(next(iter(self._connections)), poll)  # the one that has had the most time
        connection.setblocking(False)
        peer = address[0] if isinstance(address, tuple) else ""
        self._connections[connection.fileno()] = _Connection(connection, peer)
        poll.register(connection.fileno(), POLLIN)

    def _read(self, fd: int, poll: "select.poll") -> None:
        connection = self._connections[fd]
        try:
            data = connection.sock.recv(16384)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.head += data
        head, blank, _ = connection.head.partition(b"\r\n\r\n")
        if blank and len(head) <= _LARGEST_HEAD:
            poll.unregister(fd)
            del self._connections[fd]
            self._server.accept(connection.sock, head, connection.peer)
        elif len(head) > _LARGEST_HEAD:
            self._refuse(fd, poll, failure(431, "431 Request Header Fields Too Large"))
        elif not data:
            self._drop(fd, poll)

    def _drop_late(self, poll: "select.poll") -> None:
        now = monotonic()
        late = [fd for fd, connection in self._connections.items() if connection.deadline < now]
        for fd in late:
            self._refuse(fd, poll, failure(408, "408 Request Timeout"))

    def _refuse(self, fd: int, poll: "select.poll", response: Response) -> None:
        try:
            self._connections[fd].sock.send(_head(response) + response.body)
        except OSError:
            return
        finally:
            self._drop(fd, poll)

    def _drop(self, fd: int, poll: "select.poll") -> None:
        poll.unregister(fd)
        self._connections.pop(fd).sock.close()


class _Connection:
    """A connection whose request has not come completely yet."""

    __slots__ = ("deadline", "head", "peer", "sock")

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.sock = sock
        self.peer = peer
        self.head = b""
        self.deadline = monotonic() + _HEAD_WITHIN_S


def _head(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Content-Length: {len(response.body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _send(connection: socket.socket, response: Response, *, has_body: bool) -> None:
    """Send a response and close; a client that does not read is given up."""
    rest = memoryview(_head(response) + (response.body if has_body else b""))
    deadline = monotonic() + _ANSWER_READ_WITHIN_S
    poll = poll_object()
    try:
        poll.register(connection.fileno(), POLLOUT)
        while rest and (left_s := deadline - monotonic()) > 0:
            if poll.poll(left_s * 1000):
                rest = rest[connection.send(rest) :]
        connection.shutdown(socket.SHUT_WR)
    except (OSError, ValueError):
        return
    finally:
        connection.close()


def _unquoted(path: str) -> str:
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path)


def _probe() -> "ModuleType | None":
    try:
        return load_probe()
    except CollectError:
        return None


_servers: "weakref.WeakSet[LiveServer]" = weakref.WeakSet()
_is_registered = False


def _register() -> None:
    global _is_registered
    if _is_registered:
        return
    _is_registered = True
    os.register_at_fork(before=_pause_all, after_in_parent=_resume_all, after_in_child=_begin_anew)
    atexit.register(_close_all)


def _pause_all() -> None:
    for server in list(_servers):
        server.pause()


def _resume_all() -> None:
    for server in list(_servers):
        server.resume()


def _begin_anew() -> None:
    for server in list(_servers):
        server.after_fork()


def _close_all() -> None:
    for server in list(_servers):
        server.close()
