"""Where a load goes and what it asks for: an address, and requests as the bytes of HTTP/1.1.

Defaults are hey's: a Content-Type of text/html on every request, answers may be compressed. It opens nothing.
"""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from whet._version import __version__
from whet.errors import UsageError

__all__ = ["Message", "Origin", "Target", "parse_header", "parse_target"]

_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SAFE = "/%:@!$&'()*+,;=-._~?[]|\"<>^`{}\\"
# Headers that do not follow a redirect to another host.
_SECRET = ("authorization", "cookie", "cookie2", "www-authenticate")


@dataclass(frozen=True)
class Origin:
    """Whom to connect to; with a `socket_path`, the host is only a name.

    Attributes:
        user: a proxy's `name:password`.
    """

    scheme: str
    host: str
    port: int
    socket_path: str = ""
    user: str = ""

    @property
    def authority(self) -> str:
        """The host as a Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Message:
    """What is asked of every address.

    Attributes:
        headers: as they are sent, without Host and Content-Length.
        host: the Host header; empty: the address's.
    """

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    host: str = ""
    keep_alive: bool = True


@dataclass(frozen=True)
class Target:
    """One address and what is asked of it."""

    origin: Origin
    path: str
    message: Message = field(default_factory=Message)
    proxy: Origin | None = None

    @property
    def url(self) -> str:
        """The address as text."""
        return f"{self.origin.scheme}://{self.origin.authority}{self.path}"

    def encoded(self) -> bytes:
        """Return the request's bytes."""
        message = self.message
        via = self.proxy if self.origin.scheme == "http" else None
        line = self.url if via else self.path
        lines = [f"{message.method} {line} HTTP/1.1", f"Host: {message.host or self.origin.authority}"]
        if via and via.user:
            lines.append(f"Proxy-Authorization: {basic(via.user)}")
        lines += [f"{name}: {value}" for name, value in message.headers]
        if message.body or message.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(message.body)}")
        if not message.keep_alive:
            lines.append("Connection: close")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + message.body

    def redirected(self, status: int, location: str) -> Target:
        """Return where a redirect leads, as Go's http.Client goes there.

        Raises:
            UsageError: the location is no address.
        """
        try:
            joined = urllib.parse.urljoin(self.url, location)
        except ValueError as error:
            raise UsageError(f"{location}: not an address: {str(error).lower()}") from None
        origin, path, _ = _split(joined)
        if origin.host == self.origin.host and origin.port == self.origin.port:
            origin = replace(origin, socket_path=self.origin.socket_path)
        message = self.message
        if origin.host != self.origin.host:
            kept = tuple(h for h in message.headers if h[0].lower() not in _SECRET)
            message = replace(message, headers=kept, host="")
        if status not in (307, 308) and message.method != "HEAD":
            message = replace(message, method="GET", body=b"")
        return Target(origin, path, message, self.proxy)


def parse_target(url: str, message: Message, *, proxy: str = "", socket_path: str = "") -> Target:
    """Return the target of a command line.

    Args:
        url: http:// or https://.
        message: what to ask.
        proxy: host:port, or empty.
        socket_path: of a Unix socket to connect to, or empty.

    Raises:
        UsageError: something is no address.
    """
    origin, path, user = _split(url)
    if user and not any(name.lower() == "authorization" for name, _ in message.headers):
        message = replace(message, headers=(*message.headers, ("Authorization", basic(user))))
    via = parse_proxy(proxy) if proxy else None
    return Target(replace(origin, socket_path=socket_path), path, message, via)


def parse_proxy(text: str) -> Origin:
    """Return a proxy from `host:port`, with `http://` and `name:password@` before it or not.

    Raises:
        UsageError: it is none.
    """
    hint = "-x HOST:PORT"
    try:
        origin, _, user = _split(text if "://" in text else f"http://{text}")
    except UsageError as error:
        raise UsageError(f"-x: {error}", hint=hint) from None
    if origin.scheme != "http":
        raise UsageError(f"-x: {text}: connections to a proxy are made without TLS", hint=hint)
    return replace(origin, user=user)


def basic(user: str) -> str:
    """Return the Authorization header of `name:password`."""
    return f"Basic {base64.b64encode(user.encode()).decode()}"


def default_headers(given: Sequence[tuple[str, str]], *, compression: bool) -> tuple[tuple[str, str], ...]:
    """Return the headers to send: those given, and hey's own where they are not among them."""
    names = {name.lower() for name, _ in given}
    own = [("Content-Type", "text/html"), ("User-Agent", f"whet/{__version__}")]
    if compression:
        own.append(("Accept-Encoding", "gzip"))
    return (*given, *(header for header in own if header[0].lower() not in names))


def parse_header(text: str) -> tuple[str, str]:
    """Return a header's name and value from `Name: value`.

    Raises:
        UsageError: it is none.
    """
    name, colon, value = text.partition(":")
    value = value.strip()
    if not colon or not _TOKEN.fullmatch(name) or not _is_text(value):
        raise UsageError(f"-H: {text!r} is no header", hint='for example -H "Accept: text/html"')
    return name, value


def check_method(text: str) -> str:
    """Return a method in upper case.

    Raises:
        UsageError: it is none.
    """
    if not _TOKEN.fullmatch(text):
        raise UsageError(f"-m: {text!r} is no HTTP method", hint="GET, POST, PUT, DELETE, HEAD, OPTIONS")
    return text.upper()


def _is_text(value: str) -> bool:
    return not any((c < " " and c != "\t") or c == "\x7f" for c in value)


def _split(url: str) -> tuple[Origin, str, str]:
    """Take an address apart: origin, path with query, and `name:password` or nothing."""
    hint = "whet load http://HOST:PORT/PATH" if "://" in url else f"whet load http://{url}"
    try:
        parts = urllib.parse.urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise UsageError(f"{url}: not an address: {str(error).lower()}", hint=hint) from None
    if (
        parts.scheme not in _PORTS
        or not host
        or port == 0
        or any(c.isspace() or not c.isprintable() for c in parts.netloc)
    ):
        raise UsageError(f"{url}: not an address with http:// or https://", hint=hint)
    try:
        name = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise UsageError(f"{url}: {host} is no host's name", hint=hint) from None
    path = urllib.parse.quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        path += f"?{urllib.parse.quote(parts.query, safe=_SAFE)}"
    user = ""
    if parts.username is not None:
        user = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
    return Origin(parts.scheme, name, port or _PORTS[parts.scheme]), path, user
