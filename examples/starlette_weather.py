"""Weather on Starlette with four planted problems, and whet.live to find them. Needs starlette and uvicorn.

    uvicorn --app-dir examples starlette_weather:app
    whet load -z 10s -c 8 http://127.0.0.1:8000/map
    whet prof -top -focus=starlette_weather "http://127.0.0.1:8000/debug/pprof/profile?seconds=5"

`/map` writes much JSON while the event loop waits, `/station?name=Oslo` reads a table without an index,
`/report` keeps a lock while a slow line is in use, `/forecast` has a cache in which nothing is ever
found. docs/live.md says where each of them shows.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from contextlib import closing

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

import whet.live

STATIONS = ["Aberdeen", "Bergen", "Cork", "Dublin", "Esbjerg", "Oslo", "Thurso", "Visby"]

database = tempfile.NamedTemporaryFile(suffix=".db")  # noqa: SIM115 (there as long as the service is)
line_lock = threading.Lock()
forecasts: dict[int, str] = {}


def fill() -> None:
    """Write readings into a table; what it lacks is an index on `station`."""
    readings = ((STATIONS[hour % 8], hour, hour * 7 % 41 - 10) for hour in range(50_000))
    with closing(sqlite3.connect(database.name)) as connection, connection:
        connection.execute("create table readings (station text, hour integer, degrees integer)")
        connection.executemany("insert into readings values (?, ?, ?)", readings)


async def map_of_all(_request: Request) -> JSONResponse:
    points = [{"x": number % 100, "y": number // 100, "degrees": number % 41 - 10} for number in range(5000)]
    return JSONResponse(points)


def station(request: Request) -> PlainTextResponse:
    question = "select max(degrees) from readings where station = ?"
    with closing(sqlite3.connect(database.name)) as connection:
        (degrees,) = connection.execute(question, [request.query_params.get("name", "Oslo")]).fetchone()
    return PlainTextResponse(f"at most {degrees} degrees\n")


def report(_request: Request) -> PlainTextResponse:
    with line_lock:
        call_the_station()  # with the lock in its hands
    return PlainTextResponse("reported\n")


def call_the_station() -> None:
    """Wait as one does for an answer from an island."""
    time.sleep(0.005)


def forecast(_request: Request) -> PlainTextResponse:
    now = time.time_ns()
    if now not in forecasts:  # which it never is
        forecasts[now] = "rain, and later more of it\n" * 8000
    return PlainTextResponse(forecasts[now])


routes = [
    Route("/map", map_of_all),
    Route("/station", station),
    Route("/report", report),
    Route("/forecast", forecast),
]
app = whet.live.asgi(Starlette(routes=routes), heap=True, block=True)
fill()
