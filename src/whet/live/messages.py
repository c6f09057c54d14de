"""Requests and responses, whatever they came through: an ASGI or WSGI server, or our own.

Texts of errors, and the headers that make `go tool pprof` show them, are those of Go's
net/http/pprof. No sockets here and no decisions.
"""

from whet.live.paths import has_bad_escape

__all__ = [
    "Request", "Response", "failure", "malformed", "moved", "overloaded", "profile_file", "status_line",
    "text", "unserved",
]  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NOSNIFF = ("X-Content-Type-Options", "nosniff")
_TEXT = "text/plain; charset=utf-8"
_REASONS = {
    200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict",
    431: "Request Header Fields Too Large", 499: "Client Closed Request", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip


class Request:
    """One request.

    Attributes:
        method: `GET`.
        path: as on our own server, beginning with `/debug/` as a rule.
        base: what stands for that `/debug/` in URLs of this server.
        query: undecoded, without `?`.
        headers: by name in lower case.
        peer: the client's IP address; empty for a unix socket, None if it is not known.
        version: `1.1`.
        wait: waits for seconds; True after them, False as soon as nobody wants the answer.
        is_alone: nothing else is served while this request is.
    """

    __slots__ = (
        "_values",
        "base",
        "headers",
        "is_alone",
        "method",
        "path",
        "peer",
        "query",
        "version",
        "wait",
    )

    def __init__(
        self,
        method: str,
        path: str,
        *,
        base: str = "/debug/",
        query: str = "",
        headers: "Mapping[str, str]",
        peer: str | None,
        version: str = "1.1",
        wait: "Callable[[float], bool]",
        is_alone: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.base = base
        self.query = query
        self.headers = headers
        self.peer = peer
        self.version = version
        self.wait = wait
        self.is_alone = is_alone
        self._values: dict[str, str] | None = None

    def value(self, name: str) -> str:
        """Return the first value of a parameter in the query, or ''."""
        if self._values is None:
            self._values = _parsed(self.query)
        return self._values.get(name, "")

    def number(self, name: str) -> int | None:
        """Return a parameter as an integer (64 bits), or None if it is none."""
        text = self.value(name)
        digits = text[1:] if text[:1] in ("+", "-") else text
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > 19:
            return None
        value = int(text)
        return value if -(1 << 63) <= value < 1 << 63 else None


class Response:
    """Status, headers and the whole body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def text(content: str, *, kind: str = _TEXT) -> Response:
    """Return a text that a browser shows."""
    body = content.encode("utf-8", "backslashreplace")
    return Response(200, [("Content-Type", kind), _NOSNIFF], body)


def profile_file(name: str, content: bytes) -> Response:
    """Return a file that a browser saves."""
    headers = [
        ("Content-Disposition", f'attachment; filename="{name}"'),
        ("Content-Type", "application/octet-stream"),
        _NOSNIFF,
    ]
    return Response(200, headers, content)


def failure(status: int, message: str, *headers: tuple[str, str]) -> Response:
    """Return an error that `go tool pprof` shows to its user."""
    own = [("Content-Type", _TEXT), _NOSNIFF, ("X-Go-Pprof", "1")]
    return Response(status, [*own, *headers], f"{message}\n".encode("utf-8", "backslashreplace"))


def overloaded() -> Response:
    """Return what is answered where too much is to be done already."""
    return failure(503, "too many requests", ("Retry-After", "1"))


def status_line(status: int) -> str:
    """Return a status with its phrase: `200 OK`."""
    return f"{status} {_REASONS[status]}"


def malformed() -> Response:
    """Return what Go's server says of bytes that are no request."""
    return Response(400, [("Content-Type", _TEXT)], b"400 Bad Request")


def moved(location: str, method: str = "GET") -> Response:
    """Return a redirection, as Go's ServeMux makes it; `location` is printable ASCII."""
    from html import escape

    if method not in ("GET", "HEAD"):
        return Response(307, [("Location", location)], b"")
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Location", location)]
    return Response(307, headers, f'<a href="{escape(location)}">Temporary Redirect</a>.\n\n'.encode())


def unserved(status: int, message: str, *headers: tuple[str, str]) -> Response:
    """Return an error of Go's ServeMux: no handler of ours has been asked."""
    return Response(status, [("Content-Type", _TEXT), _NOSNIFF, *headers], f"{message}\n".encode())


def _parsed(query: str) -> dict[str, str]:
    """Return the first value of each parameter; those that are not well formed are none, as in Go."""
    if "%" not in query and "+" not in query:
        pairs = (part.partition("=") for part in reversed(query.split("&")))
        return {name: value for name, _, value in pairs if ";" not in name + value}
    from urllib.parse import unquote_plus

    parts = (
        part.partition("=")
        for part in reversed(query.split("&"))
        if ";" not in part and not has_bad_escape(part)
    )
    return {unquote_plus(name): unquote_plus(value) for name, _, value in parts}
