"""HTTP over one connection: what it asks, how it is answered, whether the other side is still there."""

import socket

# As they are now: gevent puts others in their place, which know one thread only.
from select import POLLIN, POLLOUT
from select import poll as poll_object
from time import monotonic

from whet.live.messages import Response, status_line
from whet.live.paths import has_bad_escape

__all__ = ["encoded", "is_gone", "parse_head", "send"]

_ANSWER_READ_WITHIN_S = 60.0


def is_gone(connection: socket.socket) -> bool:
    """Whether the client has closed the connection; what it sent is not taken."""
    try:
        poll = poll_object()
        poll.register(connection.fileno(), POLLIN)
        if not poll.poll(0):
            return False
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (OSError, ValueError):
        return True


def parse_head(data: bytes) -> tuple[str, str, str, dict[str, str]] | None:
    """Return (method, target, version, headers by name in lower case), or None if it is malformed.

    Args:
        data: up to the empty line, without it.
    """
    first, *rest = data.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[0].isalpha() or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        return None
    if not _is_target(words[1]):
        return None
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\r" in line or "\0" in line:
            return None
        if name.lower() == "host" and "host" in headers:
            return None
        headers[name.lower()] = value.strip()
    if words[2] == "HTTP/1.1" and "host" not in headers:
        return None
    return words[0], words[1], words[2][5:], headers


def _is_target(text: str) -> bool:
    """Whether this is a path, perhaps with a query, that can be decoded and repeated in a header."""
    if not text.startswith("/") or any(c < "!" or c == "\x7f" for c in text):
        return False
    return not has_bad_escape(text.partition("?")[0])


def encoded(response: Response, *, has_body: bool = True) -> bytes:
    """Return a response as it is sent, after which the connection is closed."""
    lines = [f"HTTP/1.1 {status_line(response.status)}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Content-Length: {len(response.body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + (response.body if has_body else b"")


def send(connection: socket.socket, response: Response, *, has_body: bool) -> None:
    """Send a response and close; a client that does not read is given up."""
    rest = memoryview(encoded(response, has_body=has_body))
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
