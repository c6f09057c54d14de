"""The smallest ASGI application on uvicorn, at a free port; `/state/NAME` puts it behind something else.

`without` is the application alone, `mounted` has whet.live in front of it; `cpu` and `cpu,heap` are
`without` while the agent runs, with these collectors. All states are those of one process, and pay
the same for the choice.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

import whet.live

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
BODY = {"type": "http.response.body", "body": b"hello"}


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send(HEAD)
        await send(BODY)


class Choice:
    """The application as the last `/state/NAME` wants it."""

    def __init__(self) -> None:
        self.mounted = whet.live.asgi(app)
        self.now: Callable[..., Awaitable[None]] = app
        self.agent: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path", "").startswith("/state/"):
            self.choose(scope["path"].removeprefix("/state/"))
        await self.now(scope, receive, send)

    def choose(self, state: str) -> None:
        if self.agent:
            self.agent.close()
            self.agent = None
        if state not in ("without", "mounted"):
            self.agent = whet.live.agent(sys.argv[1], spool=sys.argv[2], profiles=state.split(","))
        self.now = self.mounted if state == "mounted" else app


def main() -> None:
    # With its protocol named, asyncio sends small parts at once.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(Choice(), log_level="critical", access_log=False, lifespan="off", loop="asyncio")
    uvicorn.Server(config).run(sockets=[listening])


main()
