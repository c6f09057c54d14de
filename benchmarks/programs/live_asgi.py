"""The smallest ASGI application, behind whet.live if LIVE is set; on uvicorn, at a free port."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Scope = dict[str, Any]
HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
BODY = {"type": "http.response.body", "body": b"hello"}


async def app(
    scope: Scope, _receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
) -> None:
    if scope["type"] == "http":
        await send(HEAD)
        await send(BODY)


def main() -> None:
    served: Callable[..., Awaitable[None]] = app
    if os.environ.get("LIVE"):
        import whet.live

        served = whet.live.asgi(app)
    # With its protocol named, asyncio sends small parts at once.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(served, log_level="critical", access_log=False, lifespan="off", loop="asyncio")
    uvicorn.Server(config).run(sockets=[listening])


main()
