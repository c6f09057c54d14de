"""whet.live in front of real applications on real servers."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from process.harness import needs_collector
from process.live_servers import LIMIT_S, ask, gunicorn, uvicorn
from whet.formats.pprof import decode

pytestmark = needs_collector

pytest.importorskip("starlette", reason="no Starlette for this Python")
pytest.importorskip("flask", reason="no Flask for this Python")


@contextlib.contextmanager
def busy(address):
    """Keep asking for work until the block ends."""
    over = threading.Event()

    def go_on():
        while not over.is_set():
            assert ask(address, "/work").text == "done"

    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(go_on) for _ in range(2)]
        yield
        over.set()
        for worker in workers:
            worker.result()


def functions(body):
    profile = decode(body)
    return {profile.strings.text(i) for i in profile.functions.name}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_profile_of_an_asgi_server_is_taken_while_it_serves(loop):
    if loop == "uvloop":
        pytest.importorskip("uvloop", reason="no uvloop for this Python")
    with uvicorn(arguments=["--loop", loop]) as (_, address), busy(address):
        answer = ask(address, "/debug/pprof/profile?seconds=1&rate=500")
        assert answer.headers["content-disposition"] == 'attachment; filename="profile"'
        assert "live_starlette.crunch" in functions(answer.body)


def test_everything_else_reaches_the_asgi_application():
    with uvicorn() as (_, address):
        assert ask(address, "/").text == "hello"
        assert ask(address, "/state").text == "started"
        assert ask(address, "/debug/toolbar").text == "the application's own"
        assert ask(address, "/debug/pprofile").status == 404
        assert ask(address, "/x/debug/pprof/").status == 404


def test_the_mount_and_the_root_path_are_where_they_are_said_to_be():
    with uvicorn(options=json.dumps({"mount": "/internal"})) as (_, address):
        assert ask(address, "/internal/pprof/cmdline").status == 200
        assert ask(address, "/debug/pprof/cmdline").status == 404
        answer = ask(address, "/internal/pprof//heap?debug=1")
        assert (answer.status, answer.headers["location"]) == (307, "/internal/pprof/heap?debug=1")
        assert ask(address, "/internal/pprof/../../secret").status == 404
    with uvicorn(below="/shop") as (_, address):
        assert ask(address, "/shop/debug/pprof/cmdline").status == 200
        assert ask(address, "/shop/debug/pprof//heap").headers["location"] == "/shop/debug/pprof/heap"
        assert ask(address, "/shop/").text == "hello"


def test_a_profile_keeps_no_asgi_server_from_ending():
    with uvicorn() as (process, address), ThreadPoolExecutor(1) as pool:
        profile = pool.submit(ask, address, "/debug/pprof/profile?seconds=250")
        while ask(address, "/debug/pprof/profile?seconds=1").status != 409:
            assert not profile.done() or profile.result().status == 409
            if profile.done():
                profile = pool.submit(ask, address, "/debug/pprof/profile?seconds=250")
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert "lifespan ended\n" in process.stdout.readlines()
        assert time.monotonic() - begin < LIMIT_S
        assert profile.result().status == 499


def test_a_client_that_goes_away_ends_its_profile():
    with uvicorn() as (_, address):
        for _ in range(3):
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port))) as connection:
                head = f"GET /debug/pprof/profile?seconds=250 HTTP/1.1\r\nHost: {address}\r\n\r\n"
                connection.sendall(head.encode())
                while ask(address, "/debug/pprof/profile?seconds=1").status == 200:
                    pass
            deadline = time.monotonic() + LIMIT_S
            while ask(address, "/debug/pprof/profile?seconds=1").status == 409:
                assert time.monotonic() < deadline


def test_many_requests_at_once_are_all_answered():
    with uvicorn(options=json.dumps({"heap": True})) as (_, address), ThreadPoolExecutor(100) as pool:
        names = ["goroutine", "heap", "cmdline", "", "threadcreate?debug=1"]
        paths = [f"/debug/pprof/{names[i % len(names)]}" for i in range(200)]
        assert {answer.status for answer in pool.map(lambda path: ask(address, path), paths)} == {200}


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "10.1.1.1"}, {"Host": "evil.example"}, {"Via": "x"}])
def test_others_are_refused_by_both_doors(headers):
    with uvicorn() as (_, address):
        assert ask(address, "/debug/pprof/cmdline", headers=headers).status == 403
    with gunicorn("--threads", "2") as (_, address):
        assert ask(address, "/debug/pprof/cmdline", headers=headers).status == 403


def test_requests_are_counted_where_asked():
    options = json.dumps({"requests": True})
    with uvicorn(options=options) as (_, address):
        for path in ("/", "/", "/nowhere"):
            ask(address, path)
        text = ask(address, "/debug/metrics").text
    name = "http_server_request_duration_seconds"
    assert f'{name}_count{{method="GET",status="200"}} 2\n' in text
    assert f'{name}_bucket{{method="GET",status="404",le="+Inf"}} 1\n' in text
    with gunicorn("--threads", "2", options=options) as (_, address):
        for path in ("/", "/fails"):
            ask(address, path)
        text = ask(address, "/debug/metrics").text
    assert f'{name}_count{{method="GET",status="200"}} 1\n' in text
    assert f'{name}_count{{method="GET",status="500"}} 1\n' in text


def test_a_profile_of_a_wsgi_server_is_taken_while_it_serves():
    with gunicorn("--threads", "4") as (_, address), busy(address):
        answer = ask(address, "/debug/pprof/profile?seconds=1&rate=500")
        assert "live_flask.crunch" in functions(answer.body)
        assert ask(address, "/debug/toolbar").text == "the application's own"
        assert ask(address, "/debug/pprof/goroutine").status == 200


def test_greenlets_are_profiled_by_both_doors():
    pytest.importorskip("gevent", reason="no gevent for this Python")
    with gunicorn("-k", "gevent", env={"WHET_LIVE": "127.0.0.1:0"}) as (process, address):
        assert process.stdout is not None
        line = next(line for line in process.stdout if "whet: live: process" in line)
        beside = line.split("http://")[1].split("/")[0]
        with busy(address):
            for place in (address, beside):
                answer = ask(place, "/debug/pprof/profile?seconds=1&rate=500")
                assert "live_flask.crunch" in functions(answer.body)
                assert ask(place, "/debug/pprof/goroutine?debug=1").status == 200


def test_a_worker_of_one_request_at_a_time_refuses_long_profiles():
    with gunicorn() as (_, address):
        answer = ask(address, "/debug/pprof/profile?seconds=1")
        assert (answer.status, "one request at a time" in answer.text) == (400, True)
        assert ask(address, "/debug/pprof/goroutine").status == 200


def test_a_profile_keeps_no_wsgi_worker_from_ending():
    with gunicorn("--threads", "4", "--graceful-timeout", "200") as (process, address):
        with ThreadPoolExecutor(1) as pool:
            profile = pool.submit(ask, address, "/debug/pprof/profile?seconds=250")
            while ask(address, "/debug/pprof/profile?seconds=1").status != 409:
                if profile.done():
                    profile = pool.submit(ask, address, "/debug/pprof/profile?seconds=250")
            process.send_signal(signal.SIGTERM)
            assert profile.result(timeout=LIMIT_S).status == 499
        assert process.wait(timeout=LIMIT_S) == 0


def test_preloaded_workers_record_for_themselves():
    options = json.dumps({"heap": 4096})
    with gunicorn("--preload", "-w", "2", "--threads", "2", options=options) as (_, address):
        deadline = time.monotonic() + LIMIT_S
        while (answer := ask(address, "/debug/pprof/heap")).status != 200:
            assert time.monotonic() < deadline
        for _ in range(4):
            ask(address, "/work")
        answer = ask(address, "/debug/pprof/heap")
        assert decode(answer.body).period == 4096


def test_workers_of_an_unchanged_program_serve_beside_it():
    with gunicorn("-w", "2", options="none", env={"WHET_LIVE": "127.0.0.1:0"}) as (process, address):
        served = []
        assert process.stdout is not None
        for line in process.stdout:
            if "whet: live: process" in line:
                served.append(line.split("http://")[1].split("/")[0])
            if len(served) == 2:  # the master's is told before gunicorn listens
                break
        with busy(address):
            answers = [ask(place, "/debug/pprof/profile?seconds=2&rate=500") for place in served]
        assert any("live_flask.crunch" in functions(answer.body) for answer in answers)
