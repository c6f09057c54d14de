"""The endpoints in front of an ASGI application: `app = whet.live.asgi(app)`.

Everything that is not ours goes to the application as it came. A profile is taken on a thread of
its own, the event loop goes on. Needs asyncio (uvloop is that, too). Specification: asgi.readthedocs.io.
"""

import time

from whet.live import workers
from whet.live.messages import Request, Response, overloaded
from whet.live.mounting import mounted_path
from whet.live.request_times import times
from whet.live.setting_up import set_up
from whet.live.waiting import Wait

__all__ = ["asgi"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence
    from typing import Any

    from whet.live.endpoints import Endpoints

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]
    # Applications differ in what they call a scope's type.
    AnyApp = Callable[[Any, Any, Any], Awaitable[None]]


def asgi(
    app: "AnyApp",
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

    Args:
        app: an ASGI application.
        mount: where the endpoints are; `/debug` makes `/debug/pprof/`.
        token: what a client must show, as password, bearer or `?token=`.
        allow: decides on each request; without it and a token only this machine may ask.
        max_seconds: the longest profile.
        redact: hides secrets in the command line: True, or a callable that gets the arguments.
        heap: record the heap from now on; a number is the mean bytes between two samples.
        block: record waits from now on; a number is the shortest wait in ns.
        requests: count the application's requests, with their duration, for `metrics`.

    Raises:
        CollectError: this interpreter cannot be measured.
        UsageError: an option is out of range.
    """
    endpoints = set_up(
        token=token, allow=allow, max_seconds=max_seconds, redact=redact, heap=heap, block=block
    )
    inner = _timed(app) if requests else app
    prefix = mount.rstrip("/") + "/"

    async def whet_live(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http" and prefix in scope["path"]:
            path = mounted_path(scope["path"], scope.get("root_path", ""), prefix)
            if endpoints.knows(path):
                base = scope.get("root_path", "") + prefix
                await _serve(endpoints, _request(scope, path, base), receive, send)
                return
        await inner(scope, receive, send)

    return whet_live


def _request(scope: "Scope", path: str, base: str) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    return Request(
        scope["method"],
        path,
        base=base,
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        # Behind a unix socket there is a proxy, and everybody behind that.
        peer=client[0] if client and client[0] else None,
        version=scope.get("http_version", "1.0"),
        wait=Wait(),
    )


async def _serve(endpoints: "Endpoints", request: Request, receive: "Receive", send: "Send") -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    answer: Future[Response] = loop.create_future()

    def job() -> None:
        response = endpoints.answer(request)
        try:
            loop.call_soon_threadsafe(_settle, answer, response)
        except RuntimeError:
            return  # the loop is closed: nobody waits

    if workers.submit(job):
        watcher = loop.create_task(_watch(receive, request.wait))  # type: ignore[arg-type]
        try:
            response = await answer
        finally:
            request.wait.cancel()  # type: ignore[attr-defined]
            watcher.cancel()
    else:
        response = overloaded()
    await _respond(response, send, has_body=request.method != "HEAD")


def _settle(answer: "Future[Response]", response: Response) -> None:
    if not answer.done():
        answer.set_result(response)


async def _watch(receive: "Receive", wait: Wait) -> None:
    """Give the profile up when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    wait.cancel()


async def _respond(response: Response, send: "Send", *, has_body: bool) -> None:
    headers = [*response.headers, ("Content-Length", str(len(response.body)))]
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": response.body if has_body else b""})


def _timed(app: "AnyApp") -> "App":
    async def timed(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        status = 500

        async def noting(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begin = time.perf_counter()
        try:
            await app(scope, receive, noting)
        finally:
            times.add(scope["method"], status, time.perf_counter() - begin)

    return timed
