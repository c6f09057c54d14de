"""The endpoints in front of a WSGI application: `app = whet.live.wsgi(app)`.

Everything that is not ours goes to the application as it came. A profile takes one of the
server's threads for its time. Specification: PEP 3333.
"""

import _thread
import time

from whet.live.messages import Request, status_line
from whet.live.mounting import mounted_path
from whet.live.request_times import times
from whet.live.setting_up import set_up
from whet.live.waiting import Wait

__all__ = ["wsgi"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from whet.live.endpoints import Endpoints

    Environ = dict[str, Any]
    StartResponse = Callable[..., Any]
    App = Callable[[Environ, StartResponse], Iterable[bytes]]

# Where servers put the client's connection.
_SOCKETS = ("gunicorn.socket", "werkzeug.socket")


def wsgi(
    app: "App",
    *,
    mount: str = "/debug",
    token: str | None = None,
    allow: "Callable[[Request], object] | None" = None,
    max_seconds: int = 300,
    redact: "bool | Callable[[list[str]], Sequence[str]]" = False,
    heap: bool | int = False,
    block: bool | int = False,
    requests: bool = False,
) -> "App":
    """Return `app` with the endpoints in front of it, below `mount`.

    Args: those of `whet.live.asgi`.

    Raises:
        CollectError: this interpreter cannot be measured.
        UsageError: an option is out of range.
    """
    endpoints = set_up(
        token=token, allow=allow, max_seconds=max_seconds, redact=redact, heap=heap, block=block
    )
    inner = _timed(app) if requests else app
    prefix = mount.rstrip("/") + "/"

    def whet_live(environ: "Environ", start_response: "StartResponse") -> "Iterable[bytes]":
        path = environ.get("PATH_INFO", "")
        if prefix in path:
            path = mounted_path(path, "", prefix)
            if endpoints.knows(path):
                return _serve(endpoints, _request(environ, path, prefix), start_response)
        return inner(environ, start_response)

    return whet_live


def _request(environ: "Environ", path: str, prefix: str) -> Request:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    return Request(
        environ.get("REQUEST_METHOD", "GET"),
        path,
        base=environ.get("SCRIPT_NAME", "") + prefix,
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        # Behind a unix socket there is a proxy, and everybody behind that.
        peer=environ.get("REMOTE_ADDR") or None,
        version=environ.get("SERVER_PROTOCOL", "HTTP/1.0").rpartition("/")[2],
        # A lock as they are now: gevent has put its own in place, at which greenlets wait.
        wait=Wait(_watch(environ), _thread.allocate_lock),
        is_alone=environ.get("wsgi.multithread") is False,
    )


def _serve(endpoints: "Endpoints", request: Request, start_response: "StartResponse") -> "Iterable[bytes]":
    response = endpoints.answer(request)
    headers = [*response.headers, ("Content-Length", str(len(response.body)))]
    start_response(status_line(response.status), headers)
    return [b"" if request.method == "HEAD" else response.body]


def _watch(environ: "Environ") -> "Callable[[], bool] | None":
    """Return what tells whether the client went away, where the server shows its connection."""
    connection = next((environ[name] for name in _SOCKETS if name in environ), None)
    if connection is None or not hasattr(connection, "recv") or environ.get("wsgi.url_scheme") == "https":
        return None
    from whet.live.connections import is_gone

    return lambda: is_gone(connection)


class _Timed:
    """The application's answer, whose end is the end of the request."""

    def __init__(self, parts: "Iterable[bytes]", done: "Callable[[], None]") -> None:
        self._parts = parts
        self._done = done

    def __iter__(self) -> "Iterator[bytes]":
        return iter(self._parts)

    def close(self) -> None:
        try:
            if hasattr(self._parts, "close"):
                self._parts.close()
        finally:
            self._done()


def _timed(app: "App") -> "App":
    def timed(environ: "Environ", start_response: "StartResponse") -> "Iterable[bytes]":
        begin = time.perf_counter()
        status = 500

        def noting(line: str, *rest: "Any", **named: "Any") -> "Any":
            nonlocal status
            status = int(line[:3]) if line[:3].isdecimal() else 0
            return start_response(line, *rest, **named)

        def done() -> None:
            times.add(environ.get("REQUEST_METHOD", "GET"), status, time.perf_counter() - begin)

        try:
            return _Timed(app(environ, noting), done)
        except BaseException:
            status = 500
            done()
            raise

    return timed
