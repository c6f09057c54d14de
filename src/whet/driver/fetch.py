"""Profiles from servers: net/http/pprof and everything that answers like it.

An address is a URL with http, https or https+insecure, or `host:port[/path]`; without a path
it is the CPU profile's. Addresses, time limits and messages are `go tool pprof`'s.
"""

from __future__ import annotations

import base64
import http.client
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, BinaryIO, cast

from whet.errors import FormatError, SourceError
from whet.formats import sniff
from whet.model.profile import Profile

if TYPE_CHECKING:
    from whet.driver.request import Request

__all__ = ["adjusted_address", "fetch", "is_address"]

_CPU_PROFILE = "/debug/pprof/profile"
_SCHEMES = ("http", "https", "https+insecure")
_DEFAULT_TIMEOUT = 60
_GRACE_SECONDS = 5
_LONGEST_MESSAGE = 1000


def is_address(source: str) -> bool:
    """Whether a source is to be fetched from a server: no file has this name, and it has a host."""
    return not os.path.exists(source) and _parsed(source) is not None


def adjusted_address(source: str, seconds: int, timeout: int) -> tuple[str, float]:
    """Return the address to ask and how many seconds to wait for its answer.

    Raises:
        SourceError: the source is no address.
    """
    parts = _parsed(source)
    if parts is None:
        raise SourceError(f"{source}: not an address", hint="http://HOST:PORT/debug/pprof/profile")
    query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    if seconds > 0:
        query["seconds"] = str(seconds)
    elif query.get("seconds", "").isdecimal():
        seconds = int(query["seconds"])
    if timeout <= 0:
        timeout = seconds + seconds // 2 if seconds > 0 else _DEFAULT_TIMEOUT
    path = _CPU_PROFILE if parts.path in ("", "/") else parts.path
    encoded = urllib.parse.urlencode(sorted(query.items()))
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, encoded, "")), timeout + _GRACE_SECONDS


def fetch(source: str, request: Request) -> tuple[Profile, list[str]]:
    """Fetch a profile; return it and what to tell the user.

    Raises:
        SourceError: there is no answer, or it is not a profile's.
        FormatError: the answer is not a profile.
    """
    address, timeout = adjusted_address(source, request.seconds, request.timeout)
    source = _shown(source) if "@" in source else source
    notes = [f"Fetched profile over HTTP from {_shown(address)}"]
    try:
        with _open(address, timeout, request) as response:
            return sniff.decode_stream(cast(BinaryIO, response), source=source), notes
    except urllib.error.HTTPError as error:
        with error:
            raise SourceError(f"{source}: {_refusal(error)}") from None
    except urllib.error.URLError as error:
        raise SourceError(f"{source}: {_reason(error.reason)}", hint="is the server running?") from None
    except (OSError, http.client.HTTPException) as error:
        raise SourceError(f"{source}: {_reason(error)}") from None
    except FormatError as error:
        error.source = source
        raise


def _parsed(source: str) -> urllib.parse.SplitResult | None:
    try:
        parts = urllib.parse.urlsplit(source)
        if parts.scheme not in _SCHEMES and "://" not in source:
            parts = urllib.parse.urlsplit(f"http://{source}")
            if parts.port is None:
                return None
        return parts if parts.scheme in _SCHEMES and parts.hostname else None
    except ValueError:
        return None


def _open(address: str, timeout: float, request: Request) -> http.client.HTTPResponse:
    scheme = address.partition(":")[0]
    context = None
    if scheme != "http":
        context = _tls(request, trusting=scheme == "https+insecure")
        address = f"https:{address.partition(':')[2]}"
    message = urllib.request.Request(*_without_password(address))
    response: http.client.HTTPResponse = urllib.request.urlopen(message, timeout=timeout, context=context)
    return response


def _without_password(address: str) -> tuple[str, None, dict[str, str]]:
    """Return what makes a request: user and password become a header."""
    parts = urllib.parse.urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, None, {}
    secret = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), None, {"Authorization": f"Basic {secret}"}


def _shown(address: str) -> str:
    """Return an address as it may be seen."""
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _tls(request: Request, *, trusting: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=request.tls_ca or None)
        if request.tls_cert:
            context.load_cert_chain(request.tls_cert, request.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        raise SourceError(f"certificates cannot be used: {error}", hint="see -tls_ca") from None
    if trusting:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refusal(error: urllib.error.HTTPError) -> str:
    text = f"server response: {error.code} {error.reason}"
    if error.headers.get("X-Go-Pprof") and "text/plain" in error.headers.get("Content-Type", ""):
        body = error.read(_LONGEST_MESSAGE).decode("utf-8", "replace")
        text += f" - {' '.join(body.split())}"
    return text


def _reason(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    text = getattr(reason, "strerror", None) or str(reason)
    return text.lower() or type(reason).__name__
