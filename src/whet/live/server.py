"""The endpoints on a thread of their own: `whet.live.start("127.0.0.1:6060")`.

One thread accepts and reads (listener.py), answers are made on a few others (workers.py). One
request for each connection. The program does not wait for any of these threads when it ends, and no
collector sees them.
"""

import atexit
import os
import socket
import weakref

from whet.errors import UsageError, WhetError
from whet.live import workers
from whet.live.addresses import Address
from whet.live.connections import is_gone, parse_head, send
from whet.live.listener import Listener
from whet.live.messages import Request, malformed, overloaded
from whet.live.paths import unquoted
from whet.live.setting_up import set_up
from whet.live.waiting import Wait

__all__ = ["LiveServer", "start"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from whet.live.endpoints import Endpoints


def start(
    address: str = "127.0.0.1:6060",
    port: int | None = None,
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
        port: if given, `address` is the host.
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
    where = Address(address, port)
    if not where.is_local and token is None and allow is None:
        raise UsageError(
            f"{where.text} can be reached from other machines, and nothing would keep them away",
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
        self._thread = Listener(self.accept)
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
        self._thread = Listener(self.accept)
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
            send(connection, overloaded(), has_body=True)

    def _answer(self, connection: socket.socket, head: bytes, peer: str) -> None:
        wait = Wait(lambda: is_gone(connection))
        self._waits.add(wait)
        try:
            parsed = parse_head(head)
            if parsed is None:
                send(connection, malformed(), has_body=True)
                return
            method, target, version, headers = parsed
            path, _, query = target.partition("?")
            request = Request(
                method, unquoted(path), query=query, headers=headers, peer=peer, version=version, wait=wait
            )
            send(connection, self._endpoints.answer(request), has_body=method != "HEAD")
        finally:
            self._waits.discard(wait)
            connection.close()

    def _remove_path(self) -> None:
        if self.address.startswith("unix:") and self._pid == os.getpid():
            try:
                os.unlink(self.address.removeprefix("unix:"))
            except OSError:
                return  # somebody else removed it


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
