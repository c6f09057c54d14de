"""Answers of HTTP/1.1 as they come in: where they end, and what of them matters to a load.

RFC 9112 as clients must read it; bodies are counted and dropped. Every part has a limit, so that a server
that never ends costs nothing but time. A `HeadCache` knows heads that came before: servers repeat theirs
but for the date. It touches no socket.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REDIRECTS", "BadAnswerError", "Head", "HeadCache", "Parser", "parse_head"]

MOST_HEAD_BYTES = 256 << 10
_MOST_LINE_BYTES = 16 << 10
_MOST_INTERIM = 100
_MOST_CACHED = 256
_MOST_LENGTH = 1 << 62
_MOST_DIGITS = 16
_HEX = frozenset(b"0123456789abcdefABCDEF")
CHUNKED = -2
TO_THE_END = -1
REDIRECTS = (301, 302, 303, 307, 308)


class BadAnswerError(Exception):
    """What came is no answer of HTTP/1.1; the text says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a head says.

    Attributes:
        length: of the body; CHUNKED, or TO_THE_END of the connection.
        closes: the connection is not to be used again.
        location: where a redirect leads; empty if it is none.
    """

    status: int
    length: int
    closes: bool
    location: str = ""


class HeadCache:
    """Heads by their bytes, for one method of requests."""

    def __init__(self, *, to_head: bool = False) -> None:
        self.known: dict[bytes, Head] = {}
        self.to_head = to_head

    def read(self, head: bytes) -> Head:
        """Return what a head says; `head` ends with its empty line.

        Raises:
            BadAnswerError: it is none.
        """
        found = self.known.get(head)
        if found is None:
            found = parse_head(head, to_head=self.to_head)
            if len(self.known) >= _MOST_CACHED:
                self.known.clear()
            if found.status >= 200:
                self.known[head] = found
        return found


def parse_head(data: bytes, *, to_head: bool = False) -> Head:
    """Read a head.

    Args:
        data: from the status line to the empty line.
        to_head: it answers a HEAD request, so that no body follows.

    Raises:
        BadAnswerError: it is none.
    """
    first, *lines = data[:-4].split(b"\r\n")
    status, is_old = _status_line(first)
    headers = _headers(lines)
    options = {o.strip().lower() for value in headers.get(b"connection", []) for o in value.split(b",")}
    closes = b"close" in options or (is_old and b"keep-alive" not in options)
    if status < 200 or status in (204, 304) or to_head:
        length = 0
    else:
        length = _body_length(headers)
    location = ""
    if status in REDIRECTS and b"location" in headers:
        location = headers[b"location"][0].decode("utf-8", "replace")
    return Head(status, length, closes or length == TO_THE_END, location)


def _status_line(line: bytes) -> tuple[int, bool]:
    version, _, rest = line.partition(b" ")
    code = rest[:3]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not code.isdigit() or rest[3:4] not in (b"", b" "):
        raise BadAnswerError(f"malformed answer: {_quoted(line)} is no status line")
    if int(code) < 100:
        raise BadAnswerError(f"malformed answer: status {int(code)}")
    return int(code), version == b"HTTP/1.0"


def _headers(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    headers: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and headers:
            continue  # the folded rest of a header; none that matters here is folded
        if not colon or not name or name != name.strip():
            raise BadAnswerError(f"malformed answer: {_quoted(line)} is no header")
        headers.setdefault(name.lower(), []).append(value.strip())
    return headers


def _body_length(headers: dict[bytes, list[bytes]]) -> int:
    codings = b",".join(headers.get(b"transfer-encoding", []))
    if codings:
        if codings.strip().lower() != b"chunked":
            raise BadAnswerError(f"unsupported transfer encoding {_quoted(codings)}")
        return CHUNKED
    lengths = {part.strip() for value in headers.get(b"content-length", []) for part in value.split(b",")}
    if not lengths:
        return TO_THE_END
    text = lengths.pop()
    if lengths or not text.isdigit() or len(text) > 20 or int(text) > _MOST_LENGTH:
        raise BadAnswerError(f"malformed answer: content length {_quoted(text)}")
    return int(text)


def _quoted(data: bytes) -> str:
    return repr(data[:40].decode("latin-1")) + ("..." if len(data) > 40 else "")


class Parser:
    """One answer that did not come in one piece.

    Attributes:
        head: None until it is complete.
        size_bytes: of the body, so far.
        rest: what came after the answer's end.
    """

    __slots__ = (
        "_buffer",
        "_cache",
        "_in_trailer",
        "_interim",
        "_left",
        "_line_bytes",
        "head",
        "rest",
        "size_bytes",
    )

    def __init__(self, cache: HeadCache) -> None:
        self._cache = cache
        self._buffer = bytearray()
        self._interim = 0
        self._left = 0
        self._in_trailer = False
        self._line_bytes = 0
        self.head: Head | None = None
        self.size_bytes = 0
        self.rest = b""

    def feed(self, data: bytes) -> bool:
        """Take some bytes; return whether the answer is complete.

        Raises:
            BadAnswerError: it is no answer, or has no end.
        """
        if self.head is None:
            data = self._take_head(data)
            if self.head is None:
                return False
        if self.head.length == CHUNKED:
            return self._take_chunks(data)
        if self.head.length == TO_THE_END:
            self.size_bytes += len(data)
            return False
        wanted = self.head.length - self.size_bytes
        self.size_bytes += min(wanted, len(data))
        self.rest = data[wanted:]
        return wanted <= len(data)

    def end(self) -> bool:
        """Say that the connection has ended; return whether the answer is complete now."""
        return self.head is not None and self.head.length == TO_THE_END

    def _take_head(self, data: bytes) -> bytes:
        """Look for the end of the head; return what follows it."""
        buffer = self._buffer
        while True:
            seen = max(0, len(buffer) - 3)
            buffer += data
            end = buffer.find(b"\r\n\r\n", seen) + 4
            if end < 4:
                self._check_beginning()
                return b""
            head = self._cache.read(bytes(buffer[:end]))
            data = bytes(buffer[end:])
            buffer.clear()
            if head.status >= 200 or head.status == 101:
                self.head = head
                return data
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise BadAnswerError(f"malformed answer: more than {_MOST_INTERIM} interim answers")

    def _check_beginning(self) -> None:
        if len(self._buffer) > MOST_HEAD_BYTES:
            raise BadAnswerError(f"malformed answer: a head of more than {MOST_HEAD_BYTES} bytes")
        if not b"HTTP/1.".startswith(self._buffer[:7]):
            raise BadAnswerError(f"malformed answer: {_quoted(bytes(self._buffer))} is no status line")

    def _take_chunks(self, data: bytes) -> bool:
        """Walk through chunks; `_left` counts what is left of one with its line end."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self.size_bytes += max(0, min(step, self._left - 2))
                if self._left - step < 2:
                    self._check_line_end(data[max(at, at + self._left - 2) : at + step], self._left - step)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at)
            line = data[at : end if end >= 0 else len(data)]
            self._buffer += line
            if len(self._buffer) > _MOST_LINE_BYTES:
                raise BadAnswerError("malformed answer: a chunk's line without end")
            if end < 0:
                return False
            at = end + 1
            if self._take_line(bytes(self._buffer)):
                self.rest = data[at:]
                return True
            self._buffer.clear()
        return False

    def _check_line_end(self, data: bytes, left: int) -> None:
        expected = b"\r\n"[: 2 - left][-len(data) :]
        if data != expected:
            raise BadAnswerError("malformed answer: a chunk is longer than it says")

    def _take_line(self, line: bytes) -> bool:
        """Take a line between chunks; return whether it was the last."""
        line = line.removesuffix(b"\r")
        if self._in_trailer:
            self._line_bytes += len(line)
            if self._line_bytes > MOST_HEAD_BYTES:
                raise BadAnswerError("malformed answer: trailers without end")
            return not line
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > _MOST_DIGITS or not _HEX.issuperset(digits):
            raise BadAnswerError(f"malformed answer: {_quoted(line)} is no chunk's size")
        size = int(digits, 16)
        self._in_trailer = size == 0
        self._left = size + 2 if size else 0
        return False
