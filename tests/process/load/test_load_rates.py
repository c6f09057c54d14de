"""Constant rates: the schedule is kept, stalls cannot hide, and delays are measured right."""

from __future__ import annotations

import asyncio
import json
import math
import random
import threading
import time

import pytest

from process.load.servers import CLIENTS, answering, go_program, go_server, load, raw_server, read_request
from whet.analyze.load.histogram import RELATIVE_ERROR

__all__ = ["go_program"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def numbers(*arguments):
    status, out, err = load("--json", *arguments)
    assert status == 0, err
    return json.loads(out)


def percentile(read, percent, which="latency"):
    return read[which]["percentiles_ns"][str(percent)]


@pytest.mark.parametrize("seconds", [4, pytest.param(12, marks=pytest.mark.slow)])
def test_stalled_server_cannot_hide_its_stalls(go_program, seconds):
    """Stalled for 0.5 s in every 3 s at 1000 requests/s: at least one whole stall falls into the time."""
    with go_server(go_program) as url:
        opened = numbers("--rate", 1000, "-c", 10, "-z", f"{seconds}s", f"{url}/stalled")
    assert percentile(opened, 99) >= 400_000_000
    # The same requests, timed from when they were sent: ten of them waited in each stall.
    assert percentile(opened, 90, "service") < percentile(opened, 99) / 4
    assert opened["latency"]["count"] == opened["answers"] >= 0.5 * 1000 * seconds


class Delayed:
    """An asyncio server that waits for `delay_s` before each answer."""

    def __init__(self, delay_s):
        self._delay_s = delay_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()

    def _run(self):
        self._loop.run_until_complete(self._serve())

    async def _serve(self):
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(self._delay_s)
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@pytest.mark.parametrize("delay_ms", [5, 50])
def test_latency_is_the_delay_that_the_server_makes(delay_ms):
    with Delayed(delay_ms / 1e3) as server:
        read = numbers("--rate", 100, "-z", "1s", "-c", 20, f"http://127.0.0.1:{server.port}/")
    assert read["latency"]["lowest_ns"] >= delay_ms * 1e6
    # Timers are up to a millisecond late; a busy machine adds to many requests, but not to all of them.
    assert read["latency"]["lowest_ns"] < delay_ms * 1e6 + 10e6
    assert read["phases"]["wait"]["percentiles_ns"]["50"] >= 0.8 * delay_ms * 1e6


@pytest.mark.parametrize("client", CLIENTS)
def test_latencies_are_those_between_the_server_s_own_clock_readings(client):
    """One connection: each latency is more than the server held it, all of them less than the time."""
    held_ns, delays_s = [], [0.0005] * 180 + [0.002] * 15 + [0.03] * 5
    random.Random(1).shuffle(delays_s)

    def behave(connection, _number):
        for delay_s in delays_s:
            read_request(connection)
            begin_ns = time.perf_counter_ns()
            time.sleep(delay_s)
            held_ns.append(time.perf_counter_ns() - begin_ns)
            connection.sendall(OK)

    with raw_server(behave) as server:
        url = f"http://127.0.0.1:{server.port}/"
        read = numbers("-n", 200, "-c", 1, "--client", client, url)
    latency, held_ns = read["latency"], sorted(held_ns)
    assert latency["mean_ns"] >= sum(held_ns) / 200
    assert latency["mean_ns"] * 200 <= read["wall_ns"]
    for percent, held in latency["percentiles_ns"].items():
        assert held >= held_ns[math.ceil(float(percent) * 2) - 1] * (1 - RELATIVE_ERROR)
    # A busy machine adds to many requests, but not to all of them.
    assert latency["lowest_ns"] - held_ns[0] < 5_000_000


def test_rate_is_kept_and_every_request_of_a_number_is_sent():
    with raw_server(answering(OK)) as server:
        read = numbers("--rate", 500, "-n", 250, "-c", 10, f"http://127.0.0.1:{server.port}/")
    assert read["answers"] == 250
    assert read["wall_ns"] >= 249 / 500 * 1e9
    assert read["client"]["due"] == 250


def test_rate_that_a_server_cannot_serve_is_called_missed():
    with Delayed(0.05) as server:
        url = f"http://127.0.0.1:{server.port}/"
        status, out, err = load("--rate", 1000, "-z", "1s", "-c", 2, url)
    assert status == 0
    assert "the schedule was missed" in err
    assert "of 1,000 requests were sent in time" in err
    assert "of 1000 asked for" in out
    assert "requests were due when all connections were busy" in err


def test_pace_of_hey_is_for_each_connection():
    with raw_server(answering(OK)) as server:
        read = numbers("-q", 20, "-z", "1s", "-c", 5, f"http://127.0.0.1:{server.port}/")
    assert 20 <= read["answers"] <= 100
