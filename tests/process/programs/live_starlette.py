"""A Starlette application behind whet.live; LIVE_OPTIONS is JSON, LIVE_OPTIONS=none leaves whet out."""

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

events = []


def crunch():
    until = time.process_time() + 0.02
    while time.process_time() < until:
        sum(i * i for i in range(1000))


async def hello(request):
    return PlainTextResponse("hello")


async def work(request):
    crunch()
    return PlainTextResponse("done")


async def toolbar(request):
    return PlainTextResponse("the application's own")


async def state(request):
    return PlainTextResponse(",".join(events))


async def echo(websocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


@asynccontextmanager
async def lifespan(app):
    events.append("started")
    yield
    print("lifespan ended", flush=True)


async def background():
    while True:
        await asyncio.sleep(3600)


app = Starlette(
    routes=[
        Route("/", hello),
        Route("/work", work),
        Route("/state", state),
        Route("/debug/toolbar", toolbar),
        WebSocketRoute("/echo", echo),
    ],
    lifespan=lifespan,
)
if os.environ.get("LIVE_OPTIONS", "{}") != "none":
    import whet.live

    app = whet.live.asgi(app, **json.loads(os.environ.get("LIVE_OPTIONS", "{}")))
if os.environ.get("LIVE_BELOW"):
    app = Starlette(routes=[Mount(os.environ["LIVE_BELOW"], app)])
