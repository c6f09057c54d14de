"""Who may ask: the checks of a request before it is answered.

A page of another site must not read profiles through the user's browser: the Host header must
name this server (a rebound DNS name does not), an Origin must be this server's, and whoever
can reach a server that is not on the loopback interface needs its token.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie

__all__ = ["Guard", "is_loopback"]

COOKIE = "whet-token"


def is_loopback(host: str) -> bool:
    """Tell whether an address or name is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """The checks of one server.

    Args:
        host: what it is bound to; '' and wildcards are every interface.
        port: its port.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = port
        self.token = "" if is_loopback(host) else secrets.token_urlsafe(24)
        self._host = host

    def knows_host(self, header: str) -> bool:
        """Tell whether a Host header names this server."""
        name, _, port = header.rpartition(":") if not header.endswith("]") else (header, "", "")
        if not name:
            name, port = header, ""
        if port and port != str(self.port):
            return False
        if is_loopback(name) or name == self._host:
            return True
        # A server for the network is asked by its addresses; names may be anybody's, but then the
        # token, which only this server's user has, tells.
        return bool(self.token)

    def knows_origin(self, origin: str, host: str) -> bool:
        """Tell whether an Origin header, '' for none, is this server's."""
        return origin in ("", f"http://{host}")

    def has_token(self, given: str, cookie: str) -> bool:
        """Tell whether a request brings the token, in its query or in its cookie."""
        if not self.token:
            return True
        return self._same(given) or self._same(_cookie(cookie))

    def _same(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self.token.encode())


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
