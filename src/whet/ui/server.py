"""The server of `whet prof --http`: requests checked, answers sent.

Threads of the standard library's server; what is answered is `driver.web`'s. Every response
forbids caching, framing and sniffing. A bad request is one line of text, never a traceback.
"""

from __future__ import annotations

import errno
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from whet.driver.web import Answer, WebSession
from whet.errors import SourceError, UsageError, WhetError
from whet.ui.guard import COOKIE, Guard

__all__ = ["Server", "bound", "parse_endpoint"]

_IDLE_SECONDS = 60
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'"


def parse_endpoint(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT`, `:PORT`, `HOST:` or `PORT`; the host is localhost, the port a free one.

    Raises:
        UsageError: it is none of these.
    """
    host, given, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not given and text.isdigit():
        host, port = "", text
    elif not given:
        host, port = text, ""
    host = host.strip("[]") or "localhost"
    if port and not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError(f"invalid port {port!r} in --http {text}", hint="--http localhost:8080, or :0")
    return host, int(port or 0)


class Server(ThreadingHTTPServer):
    """A bound server; it answers once `show` has given it a session.

    Attributes:
        url: where a browser finds it, token included.
    """

    daemon_threads = True
    allow_reuse_address = True
    session: WebSession

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.guard = Guard(host, self.server_port)
        shown = f"[{host}]" if ":" in host else host
        token = f"?{urlencode({'token': self.guard.token})}" if self.guard.token else ""
        self.url = f"http://{shown}:{self.server_port}/ui/{token}"

    def server_bind(self) -> None:
        # The base class asks the resolver for this machine's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def show(self, session: WebSession) -> None:
        """Answer from a session, and begin to prepare its first answer."""
        self.session = session
        threading.Thread(target=session.warm, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error."""


def bound(host: str, port: int) -> Server:
    """Bind a server.

    Raises:
        UsageError: there can be no such host.
        SourceError: it cannot be bound.
    """
    try:
        return Server(host, port)
    except OSError as error:
        hint = None
        if error.errno == errno.EADDRINUSE:
            hint = "another program uses the port; :0 takes a free one"
        reason = (error.strerror or str(error)).lower()
        raise SourceError(f"cannot listen on {host}:{port}: {reason}", hint=hint) from None
    except (OverflowError, UnicodeError):
        raise UsageError(f"invalid host {host!r} in --http", hint="--http localhost:8080, or :0") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: Server

    def version_string(self) -> str:
        return "whet"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Requests are not talked about."""

    def do_GET(self) -> None:
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        self._respond(with_body=False)

    def _respond(self, *, with_body: bool) -> None:
        status, answer = self._answered()
        self.send_response(302 if answer.location else status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        policy = f"{answer.policy}; frame-ancestors 'none'" if answer.policy else _NO_PAGE
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Type", answer.content_type)
        if answer.packed:
            self.send_header("Content-Encoding", "gzip")
        if answer.filename:
            self.send_header("Content-Disposition", f'attachment; filename="{answer.filename}"')
        if answer.location:
            self.send_header("Location", answer.location)
            self._send_cookie()
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def _send_cookie(self) -> None:
        token = self.server.guard.token
        if token:
            self.send_header("Set-Cookie", f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/")

    def _answered(self) -> tuple[int, Answer]:
        try:
            parts = urlsplit(self.path)
        except ValueError:
            return 400, _line("malformed address")
        guard = self.server.guard
        host = self.headers.get("Host", "")
        if not guard.knows_host(host) or not guard.knows_origin(self.headers.get("Origin", ""), host):
            return 403, _line("this server answers only its own pages")
        query, token = _without_token(parts.query)
        if not guard.has_token(token, self.headers.get("Cookie", "")):
            return 403, _line("the address needs the token that whet printed")
        if token and guard.token:
            return 302, Answer(location=_address(parts.path, query))
        return self._ask(parts.path, query)

    def _ask(self, path: str, query: str) -> tuple[int, Answer]:
        try:
            answer = self.server.session.answer(path, query)
        except WhetError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return 400, _line(" ".join(f"{error}{hint}".split()))
        return (404, _line("there is nothing here; the UI is at /ui/")) if answer is None else (200, answer)


def _without_token(query: str) -> tuple[str, str]:
    """Take the token out of a query; return the rest and the token."""
    if "token=" not in query:
        return query, ""
    kept = [word for word in query.split("&") if not word.startswith("token=")]
    given = [text for word in query.split("&") for name, text in parse_qsl(word) if name == "token"]
    return "&".join(kept), given[-1] if given else ""


def _address(path: str, query: str) -> str:
    # One slash: two would name another server.
    return "/" + path.lstrip("/") + (f"?{query}" if query else "")


def _line(text: str) -> Answer:
    return Answer(text.encode("utf-8", "replace") + b"\n")
