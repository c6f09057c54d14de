"""Making connections: names are resolved once, each connection is timed in its two parts.

Certificates are not verified: a load is for servers under test, which sign their own; hey does the same.
Failures become `DialError` with a text that names the reason and not the address, so that they can be
counted.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from whet.driver.load.target import Origin, basic

__all__ = ["DialError", "Dialed", "Dialer"]

P = TypeVar("P", bound=asyncio.BaseProtocol)
_Address = tuple[int, tuple[Any, ...] | str]
_MOST_ANSWER_BYTES = 16 << 10


class DialError(Exception):
    """No connection could be made; the text says why, without the address."""


@dataclass(frozen=True)
class Dialed:
    """How long a connection took: until TCP was there, and TLS from then on (0 without)."""

    dial_ns: int
    tls_ns: int
    alpn: str


class Dialer:
    """Connects to one server.

    Attributes:
        dns_ns: how long its name took to resolve.
    """

    def __init__(self, origin: Origin, proxy: Origin | None, alpn: str = "http/1.1") -> None:
        self.origin = origin
        self.dns_ns = 0
        self._proxy = proxy
        self._alpn = alpn
        self._addresses: list[_Address] = []

    async def connect(self, make: Callable[[], P]) -> tuple[P, Dialed]:
        """Return a connection's protocol and what it took.

        Raises:
            DialError: there is none.
        """
        begin_ns = time.perf_counter_ns()
        try:
            made = await self._socket()
            try:
                if self._proxy and self.origin.scheme == "https":
                    await self._tunnel(made)
                return await self._transport(made, make, begin_ns)
            except BaseException:
                made.close()
                raise
        except OSError as error:
            raise DialError(_reason(error)) from None

    async def open(self) -> tuple[socket.socket, Dialed]:
        """Return a connected socket without TLS, and what it took.

        Raises:
            DialError: there is none.
        """
        begin_ns = time.perf_counter_ns()
        try:
            made = await self._socket()
            if made.family != socket.AF_UNIX:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise DialError(_reason(error)) from None
        return made, Dialed(time.perf_counter_ns() - begin_ns, 0, "")

    async def _transport(self, made: socket.socket, make: Callable[[], P], begin_ns: int) -> tuple[P, Dialed]:
        dialed_ns = time.perf_counter_ns()
        loop = asyncio.get_running_loop()
        try:
            if self.origin.scheme == "https":
                transport, protocol = await loop.create_connection(
                    make, sock=made, ssl=_tls_context(self._alpn), server_hostname=self.origin.host
                )
            else:
                transport, protocol = await loop.create_connection(make, sock=made)
        except ssl.SSLError as error:
            raise DialError(_tls_reason(error)) from None
        except OSError as error:
            kind = "TLS: " if self.origin.scheme == "https" else ""
            raise DialError(f"{kind}{_reason(error)}") from None
        tls = transport.get_extra_info("ssl_object")
        tls_ns = time.perf_counter_ns() - dialed_ns if tls else 0
        alpn = (tls.selected_alpn_protocol() if tls else None) or ""
        return protocol, Dialed(dialed_ns - begin_ns, tls_ns, alpn)

    async def _socket(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        if not self._addresses:
            self._addresses = await self._resolve()
        problem: OSError | None = None
        for place, (family, address) in enumerate(self._addresses):
            made = socket.socket(family, socket.SOCK_STREAM)
            made.setblocking(False)
            try:
                await loop.sock_connect(made, address)
            except OSError as error:
                made.close()
                problem = error
                continue
            except BaseException:
                made.close()
                raise
            if place:
                # What worked comes first from now on.
                self._addresses.insert(0, self._addresses.pop(place))
            return made
        assert problem is not None
        raise DialError(f"{'the proxy: ' if self._proxy else ''}{_reason(problem)}")

    async def _resolve(self) -> list[_Address]:
        to = self._proxy or self.origin
        if to.socket_path:
            return [(socket.AF_UNIX, to.socket_path)]
        begin_ns = time.perf_counter_ns()
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise DialError(f"the name {to.host} cannot be resolved: {_reason(error)}") from None
        self.dns_ns = time.perf_counter_ns() - begin_ns
        return [(family, address) for family, _, _, _, address in found]

    async def _tunnel(self, made: socket.socket) -> None:
        """Ask a proxy for a connection to the server (RFC 9110, 9.3.6)."""
        loop = asyncio.get_running_loop()
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        place = f"{host}:{self.origin.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if self._proxy and self._proxy.user:
            lines.append(f"Proxy-Authorization: {basic(self._proxy.user)}")
        await loop.sock_sendall(made, "\r\n".join([*lines, "\r\n"]).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            # Byte by byte: what follows the head belongs to TLS.
            some = await loop.sock_recv(made, 1)
            answer += some
            if not some or len(answer) > _MOST_ANSWER_BYTES:
                raise DialError("the proxy does not answer CONNECT")
        status = answer.split(b"\r\n")[0].split(b" ")
        if len(status) < 2 or not status[1].startswith(b"2"):
            raise DialError(f"the proxy refuses: {answer.split(bytes([13]))[0][:60].decode('latin-1')}")


@functools.cache
def _tls_context(alpn: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    return context


def _tls_reason(error: ssl.SSLError) -> str:
    text = (error.reason or str(error) or "handshake failed").replace("_", " ").lower()
    if "application protocol" in text:
        return "the server does not speak HTTP/2"
    return f"TLS: {text.removeprefix('[ssl] ').partition(' (')[0]}"


def _reason(error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.ECONNREFUSED:
        return "connection refused"
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return "no answer in time"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.lower()
