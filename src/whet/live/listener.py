"""The thread that accepts connections and reads heads of requests, all at once and with deadlines.

Slow clients keep nobody waiting; connections whose request has come are handed over. No collector
sees the thread.
"""

import os
import socket

# As they are now: gevent puts others in their place, which know one thread only.
from _thread import allocate_lock, get_native_id, start_new_thread
from select import POLLIN
from select import poll as poll_object
from time import monotonic, sleep

from whet.errors import CollectError
from whet.live.connections import encoded
from whet.live.messages import Response, failure
from whet.live.workers import run_unseen

__all__ = ["Listener"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    from _thread import LockType
    from collections.abc import Callable

_HEAD_WITHIN_S = 10.0
_LARGEST_HEAD = 32 * 1024
_MOST_CONNECTIONS = 256


class Listener:
    """The thread.

    Args:
        accept: called with a connection, the head of its request without the empty line, and the
            client's IP address (empty for a unix socket); must not wait.
    """

    def __init__(self, accept: "Callable[[socket.socket, bytes, str], None]") -> None:
        self._hand_over = accept
        self._connections: dict[int, _Connection] = {}
        self._bell: tuple[int, int] | None = None
        self._ended = allocate_lock()
        self._tid = 0

    def start(self, sock: socket.socket) -> None:
        """Begin to accept at a listening socket; again has no effect.

        Raises:
            CollectError: no thread can be started.
        """
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
        try:
            run_unseen(lambda: self._serve(sock, bell))
        finally:
            for connection in self._connections.values():
                connection.sock.close()
            self._connections.clear()
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
            self._hand_over(connection.sock, head, connection.peer)
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
            self._connections[fd].sock.send(encoded(response))
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
