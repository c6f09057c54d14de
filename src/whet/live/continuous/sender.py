"""Sending queued batches: one at a time, oldest first, again and again until they arrive.

What a backend refuses for good (a status of 4xx, but 408 and 429) is dropped and counted;
anything else is tried again, later each time, and after the others, lest one batch that a
backend stumbles over holds up all. A batch leaves the queue when the backend has
said that it has it. If the process is killed between that answer and the leaving, the batch
is sent once more, with the same ID: a backend that looks at IDs counts it once.
"""

import http.client
import io
import random
import re
import socket
import ssl
import time
import urllib.parse

from whet._version import __version__
from whet.collect.recording import explain
from whet.errors import SourceError, UsageError
from whet.live.continuous.backends import Directory
from whet.live.continuous.batch import Batch

__all__ = ["Delivery", "RefusedError", "Sender", "UnreachableError"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from whet.live.continuous.backends import Server
    from whet.live.continuous.spool import Spool

# For one attempt: connecting, sending and the whole answer may each take so long.
TIMEOUT_S = 10.0
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 120.0
# Of an answer's body, what is read to say why it was refused.
ANSWER_BYTES = 400
TRY_AGAIN_STATUSES = (408, 425, 429)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~]*")


class RefusedError(Exception):
    """The backend will never take this batch."""


class UnreachableError(Exception):
    """The backend did not take the batch now; `after_s` is what it asked for, or None."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


class Delivery:
    """One backend at one address.

    Args:
        backend: makes a request of a batch, or keeps it in a directory.
        address: http(s)://[USER:PASSWORD@]HOST[:PORT][/PREFIX]; not looked at for a directory.
        headers: sent with each request (a tenant, a token).

    Raises:
        UsageError: the address or a header cannot be sent.
    """

    def __init__(self, backend: "Server | Directory", address: str, headers: "Mapping[str, str]") -> None:
        self._backend = backend
        own = {} if isinstance(backend, Directory) else backend.headers
        self._headers = {"User-Agent": f"whet/{__version__}", **own, **headers}
        self._parts = _split(address)
        for name, value in self._headers.items():
            _check_header(name, value)
        if self._parts.username is not None:
            self._headers.setdefault("Authorization", _basic(self._parts))

    def deliver(self, batch: Batch, *, timeout_s: float = TIMEOUT_S) -> None:
        """Hand over a batch; return when the backend has it.

        Raises:
            RefusedError: it will never take this batch.
            UnreachableError: it did not now.
        """
        if isinstance(self._backend, Directory):
            try:
                self._backend.keep(batch)
            except SourceError as error:
                raise UnreachableError(str(error)) from error
            return
        body = self._backend.body(batch)
        if not body:
            return
        path = self._parts.path.rstrip("/") + self._backend.path
        connection = self._connect(timeout_s)
        try:
            connection.request("POST", path, body, self._headers)
            answer = _answer(connection, timeout_s)
            text = answer.read(ANSWER_BYTES).decode("utf-8", "replace").strip()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            # UnicodeError: a host that no name can have.
            raise UnreachableError(explain(error) if isinstance(error, OSError) else repr(error)) from error
        finally:
            connection.close()
        _judge(answer, text)

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=timeout_s, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=timeout_s)


class _Limited(io.RawIOBase):
    """A socket's bytes until a moment; then TimeoutError, however many bytes have come by then.

    A socket's own time limit begins anew with each byte.
    """

    def __init__(self, connected: socket.socket, within_s: float) -> None:
        self._socket = connected
        self._until_s = time.monotonic() + within_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left_s)
        return self._socket.recv_into(buffer)


def _answer(connection: http.client.HTTPConnection, within_s: float) -> http.client.HTTPResponse:
    """Return a request's answer, which reads for so long and no longer.

    Raises:
        OSError, http.client.HTTPException: there is none.
    """
    answer = http.client.HTTPResponse(connection.sock, method="POST")
    answer.fp.close()
    answer.fp = io.BufferedReader(_Limited(connection.sock, within_s))
    answer.begin()
    return answer


class Sender:
    """Empties a spool into a delivery; knows when the next attempt is due."""

    def __init__(self, spool: "Spool", delivery: Delivery) -> None:
        self._spool = spool
        self._delivery = delivery
        self._failures = 0
        self._not_before_s = 0.0
        self.sent = 0
        self.refused = 0
        self.trouble: str | None = None

    def due_in_s(self) -> float:
        """Return how long to wait before `send` makes sense, when something is queued."""
        return max(0.0, self._not_before_s - time.monotonic())

    def send(self, *, timeout_s: float = TIMEOUT_S) -> bool:
        """Try to send the oldest batch; tell whether another attempt makes sense at once."""
        batch = self._spool.first()
        if batch is None:
            return False
        try:
            self._delivery.deliver(batch, timeout_s=timeout_s)
        except UnreachableError as error:
            self._put_off(error)
            self._spool.postpone(batch)
            return False
        except RefusedError as error:
            self.refused += 1
            self.trouble = str(error)
        else:
            self.sent += 1
            self.trouble = None
        self._failures = 0
        self._spool.done(batch)
        return len(self._spool) > 0

    def _put_off(self, error: UnreachableError) -> None:
        planned_s = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(self._failures, 10))
        # Many processes that lost the same backend shall not come back in the same moment.
        spread_s = planned_s * random.uniform(0.5, 1.0)
        self._not_before_s = time.monotonic() + max(spread_s, min(error.after_s or 0.0, LAST_RETRY_S))
        self._failures += 1
        self.trouble = str(error)


def _judge(answer: http.client.HTTPResponse, text: str) -> None:
    if 200 <= answer.status < 300:
        return
    why = f"{answer.status} {answer.reason}" + (f": {text}" if text else "")
    if 400 <= answer.status < 500 and answer.status not in TRY_AGAIN_STATUSES:
        raise RefusedError(why)
    raise UnreachableError(why, _seconds(answer.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None  # a date: our own plan is good enough


def _split(address: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(address)
        parts.port  # noqa: B018  (looking at it is the check)
    except ValueError as error:
        raise UsageError(f"{address}: {error}") from None
    return parts


def _check_header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
        raise UsageError(
            f"{name!r}: {value!r} cannot be a header", hint="use ASCII, and no control characters"
        )


def _basic(parts: urllib.parse.SplitResult) -> str:
    from base64 import b64encode

    pair = f"{urllib.parse.unquote(parts.username or '')}:{urllib.parse.unquote(parts.password or '')}"
    return "Basic " + b64encode(pair.encode()).decode("ascii")
