"""Who may ask: the token, the callable, or only this machine.

Without a token or a callable a request must come from this machine itself: from a loopback
address or a unix socket, with a Host header that says so (a page in a browser whose name was
bound to 127.0.0.1 says another), and not through a proxy, behind which everybody is local.
"""

from whet.errors import UsageError
from whet.live.messages import Request, Response, failure

__all__ = ["Guard", "is_loopback"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SHORTEST_TOKEN = 8
_PROXY_HEADERS = (
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server",
    "x-original-forwarded-for", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip",
)  # fmt: skip
_REFUSED = "whet.live answers only this machine; set token= or allow= to open it to others"


class Guard:
    """Decides on each request.

    Args:
        token: what a client must show, at least 8 characters; None is none.
        allow: called with the request; what it returns is the decision.
    """

    def __init__(self, token: str | None = None, allow: "Callable[[Request], object] | None" = None) -> None:
        if token is not None and len(token) < _SHORTEST_TOKEN:
            raise UsageError(f"the token must have {_SHORTEST_TOKEN} characters or more, not {len(token)}")
        if allow is not None and not callable(allow):
            raise UsageError("allow= must be a callable that takes a request")
        self._token = None if token is None else token.encode("utf-8", "surrogatepass")
        self._allow = allow

    @property
    def is_open(self) -> bool:
        """Whether others than this machine may be let in."""
        return self._token is not None or self._allow is not None

    def refusal(self, request: Request) -> Response | None:
        """Return what to answer instead, or None if the request may be answered."""
        if self._token is not None and not self._shows_token(request):
            basic = ("WWW-Authenticate", 'Basic realm="whet", charset="UTF-8"')
            return failure(401, "a token is required: as password, bearer or ?token=", basic)
        if self._allow is not None:
            return None if self._is_allowed(request) else failure(403, "not allowed")
        if self._token is None and not is_local(request):
            return failure(403, _REFUSED)
        return None

    def _is_allowed(self, request: Request) -> bool:
        try:
            return bool(self._allow and self._allow(request))
        except Exception:  # noqa: BLE001 (a decision that fails is no permission)
            return False

    def _shows_token(self, request: Request) -> bool:
        # hmac costs milliseconds to load, and only servers with a token need it.
        from hmac import compare_digest

        shown = [request.value("token"), *_credentials(request.headers.get("authorization", ""))]
        token = self._token or b""
        # All of them are compared, so that time tells nothing.
        return sum(compare_digest(text.encode("utf-8", "surrogatepass"), token) for text in shown) > 0


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine, as far as that can be known."""
    if request.peer is None or any(name in request.headers for name in _PROXY_HEADERS):
        return False
    if request.peer == "":
        return True
    return is_loopback(request.peer) and request.version != "1.0" and is_loopback(_host(request))


def is_loopback(host: str) -> bool:
    """Whether a name or an IP address stands for this machine."""
    host = host.lower().rstrip(".").removeprefix("::ffff:")
    if host in ("localhost", "::1"):
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() and len(part) < 4 for part in parts)


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _credentials(header: str) -> list[str]:
    scheme, _, rest = header.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return [rest]
    if scheme.lower() != "basic":
        return []
    import binascii

    try:
        decoded = binascii.a2b_base64(rest.encode("ascii", "replace")).decode("utf-8", "replace")
    except ValueError:
        return []
    return [decoded.partition(":")[2]]
