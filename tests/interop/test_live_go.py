"""whet.live beside a real net/http/pprof, and under the real `go tool pprof`."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from urllib.parse import urljoin

import pytest

from go_toolchain import built_program, go_command
from interop.pprof_oracle import difference
from process.harness import needs_collector
from process.live_servers import Answer, ask, gunicorn, live_program, uvicorn
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.formats.pprof import decode

pytestmark = needs_collector

SERVER = Path(__file__).parent / "goserver"
# Profiles, and paths that are none.
NAMES = [
    "allocs", "block", "cmdline", "goroutine", "goroutineleak", "heap", "mutex", "symbol", "threadcreate",
    "nope", "HEAP",
]  # fmt: skip
QUERIES = [
    "", "debug=0", "debug=1", "debug=2", "debug=3", "debug=x", "debug=0x1", "debug=%31", "gc=1",
    "gc=1&debug=1", "seconds=", "seconds=0", "seconds=-1", "seconds=x", "seconds=1.5", "seconds=+1",
    "seconds=%2D1", "seconds=99999999999999999999", "seconds=1&debug=1", "seconds=1&debug=2",
    "seconds=x&seconds=1", "SECONDS=x", "seconds=%zz", "seconds=%z;x=1", "seconds=1;debug=1",
    "debug=1;gc=1", "debug=1&%zz", "%zz", "&&", "=", "0x12",
]  # fmt: skip
# They take their second.
WINDOWS = ["seconds=1", "seconds=1&debug=0", "seconds=%31&gc=1"]
WITH_WINDOWS = {"allocs", "block", "goroutine", "goroutineleak", "heap", "mutex", "threadcreate"}
METHODS = ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
PATHS = [
    "/debug/pprof/{}/", "/debug/pprof/{}/x", "/debug/pprof/{}//?debug=1", "/debug/pprof//{}",
    "//debug/pprof/{}?x=%zz", "/debug/./pprof/{}", "/debug/pprof/x/../{}?debug=1", "/debug/pprof%2f{}",
    "/debug/pprof/%2F{}", "/debug/pprof/{}%20", "/debug/pprof/{}%zz", "/debug/{}", "/{}", "debug/pprof/{}",
]  # fmt: skip
OTHERS = [
    "/debug/pprof/", "/debug/pprof/?debug=1", "/debug/pprof/?x;y", "/debug/pprof",
    "/debug/pprof?seconds=1&x=%zz", "/debug//pprof", "/debug/pprof//", "/debug/pprof/.", "/debug/pprof/..",
    "/debug/pprof/../pprof/?a=%22b", "/debug/", "/", "//", "/../x", "/%", "/debug/pprof/%3Cscript%3E",
    "/debug/pprof/%0D%0AX:%20y", "/debug/x//%0D%0AX:%20y?<b>", "/x//\\y", "POST /debug/pprof/",
    "POST /debug/pprof", "POST /debug/pprof//heap", "HEAD /debug/pprof/", "FOO /nope", "PUT /",
    "/debug/pprof/symbol?0x1234", "/debug/pprof/symbol?0x1+0x2", "/debug/pprof/symbol?x",
    "POST /debug/pprof/symbol?0x1", "/debug/pprof/profile?seconds=1",
    "/debug/pprof/profile?seconds=%31&debug=1", "HEAD /debug/pprof/profile?seconds=1",
    "POST /debug/pprof/profile", "/debug/pprof/profile/", "/debug/pprof/profile//x",
    "DELETE /debug/pprof/trace", "/debug/pprof/trace/",
]  # fmt: skip
# Ours closes each connection, and knows each length; applications have servers that name themselves.
OF_THE_CONNECTION = ("connection", "content-length", "date", "server", "transfer-encoding")


@pytest.fixture(scope="module")
def go_server():
    go_command(exact=True)
    process = subprocess.Popen([built_program(SERVER)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def server():
    with live_program(json.dumps({"heap": 4096, "block": 1000})) as (_, address):
        yield address


def seen(path: str, answer: Answer) -> dict[str, object]:
    """What must be the same."""
    found: dict[str, object] = {k: v for k, v in answer.headers.items() if k not in OF_THE_CONNECTION}
    found["status"] = answer.status
    kind = found.get("content-type")
    if answer.status >= 300:
        found["text"] = answer.text
    elif kind == "application/octet-stream" and answer.body:
        profile = decode(answer.body)
        text = profile.strings.text
        found["value types"] = [(text(kind), text(unit)) for kind, unit in profile.sample_type]
        found["period type"] = profile.period_type and tuple(map(text, profile.period_type))
        is_delta = "-delta" in str(found["content-disposition"])
        found["is of a time"] = profile.duration_nanos > 0 if is_delta else None
        found["has a time"] = profile.time_nanos > 0
    if location := answer.headers.get("location"):
        # Ours is relative where a proxy may have cut the beginning of the path off.
        found["location"] = urljoin(path, location)
        found["text"] = answer.text.replace(f'"{escape(location)}"', '"HERE"')
    return found


def differences(lines: list[str], server: str, go_server: str) -> dict[str, object]:
    """Return what differs in the answers to requests: `METHOD PATH`, or a path that is got."""
    found: dict[str, object] = {}
    with ThreadPoolExecutor(2) as both:
        for line in lines:
            method, _, path = line.rpartition(" ")

            def ask_one(address: str, method: str = method or "GET", path: str = path) -> dict[str, object]:
                return seen(path, ask(address, path, method=method))

            ours, theirs = both.map(ask_one, (server, go_server))
            keys = sorted(k for k in {*ours, *theirs} if ours.get(k) != theirs.get(k))
            if keys:
                found[line] = {key: {"ours": ours.get(key), "Go's": theirs.get(key)} for key in keys}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_net_http_pprof(name, server, go_server):
    queries = [*QUERIES, *(WINDOWS if name in WITH_WINDOWS else [])]
    lines = [f"/debug/pprof/{name}?{query}".rstrip("?") for query in queries]
    lines += [f"{method} /debug/pprof/{name}" for method in METHODS]
    assert differences(lines, server, go_server) == {}


@pytest.mark.parametrize(
    ("needed", "start"), [("starlette", uvicorn), ("flask", lambda **k: gunicorn("--threads", "4", **k))]
)
def test_answers_through_an_application_are_those_of_net_http_pprof(needed, start, go_server):
    pytest.importorskip(needed, reason=f"no {needed} for this Python")
    names = ("cmdline", "goroutine", "heap", "nope")
    lines = [f"/debug/pprof/{name}?{query}".rstrip("?") for name in names for query in QUERIES]
    lines += [f"{method} /debug/pprof/{name}" for method in METHODS for name in names]
    with start(options=json.dumps({"heap": 4096})) as (_, address):
        assert differences([*lines, "/debug/pprof?x=1", "/debug/pprof//heap"], address, go_server) == {}


def test_answers_to_odd_paths_are_those_of_net_http_pprof(server, go_server):
    lines = [path.format(name) for path in PATHS for name in ("heap", "nope")]
    assert differences([*lines, *OTHERS], server, go_server) == {}


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?seconds=-1"])
def test_cpu_profiles_take_half_a_minute_by_default(query, server, go_server):
    line = f"/debug/pprof/profile{query}"
    assert differences([line], server, go_server) == {}
    assert 29e9 < decode(ask(server, line).body).duration_nanos < 40e9


@pytest.mark.parametrize("name", ["heap", "allocs", "block", "mutex"])
def test_text_begins_with_lines_of_the_same_form(name, server, go_server):
    def form(address: str) -> list[str]:
        lines = ask(address, f"/debug/pprof/{name}?debug=1").text.splitlines()
        first_sample = next(i for i, line in enumerate(lines) if " @ 0x" in line)
        shown = "\n".join(lines[: first_sample + 1])
        return re.sub(r"\d+", "N", re.sub(r"( 0x[0-9a-f]+)+", " ADDRESSES", shown)).splitlines()

    assert form(server) == form(go_server)


def test_index_lists_the_same_profiles(server, go_server):
    def links(address: str) -> dict[str, str]:
        page = ask(address, "/debug/pprof/").text
        return dict(re.findall(r"<tr><td>\d+</td><td><a href='([^']+)'>(\w+)</a></td>", page))

    ours, theirs = links(server), links(go_server)
    assert list(ours.values()) == list(theirs.values())
    assert {name for href, name in ours.items() if href not in theirs} == {"profile"}


def test_differences_are_those_that_the_documentation_names(server, go_server):
    def both(path: str) -> tuple[Answer, Answer]:
        return ask(server, path), ask(go_server, path)

    ours, theirs = both("/debug/pprof/trace?seconds=0.1")
    assert (ours.status, theirs.status) == (501, 200)
    ours, theirs = both("/debug/pprof/mutex?debug=-1")  # bytes of a profile, called text
    assert ours.text.startswith("--- mutex:")
    assert theirs.body[:2] == b"\x1f\x8b"
    ours, theirs = both("/debug/pprof/goroutine?debug=1")
    assert ours.text.startswith("threads profile: total ")
    assert theirs.text.startswith("goroutine profile: total ")
    ours, theirs = both("/debug/pprof/goroutineleak?debug=2")  # Go adds those that have not leaked
    assert ours.text == "threads profile: total 0 threads, 0 tasks"
    assert theirs.text.startswith("goroutine ")
    for path, first in (("allocs?seconds=1", "alloc_space"), ("heap", "inuse_space")):
        ours, theirs = both(f"/debug/pprof/{path}")
        shown = [(p := decode(answer.body)).strings.text(p.default_sample_type) for answer in (ours, theirs)]
        assert shown == [first, ""]


@pytest.mark.parametrize(("which", "refused"), [("server", 409), ("go_server", 500)])
def test_a_second_profile_is_refused_until_nobody_waits_for_the_first(which, refused, request):
    address = request.getfixturevalue(which)
    host, _, port = address.rpartition(":")

    def status() -> int:
        return ask(address, "/debug/pprof/profile?seconds=1").status

    now = 200
    with contextlib.ExitStack() as held:
        # Which of two requests is the first is left to chance.
        while now == 200:
            connection = held.enter_context(socket.create_connection((host, int(port))))
            connection.sendall(b"GET /debug/pprof/profile?seconds=250 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            now = status()
        assert now == refused
    while (now := status()) == refused:
        pass
    assert now == 200


@pytest.mark.parametrize("which", ["server", "go_server"])
@pytest.mark.parametrize("form", ["?debug=0", "?debug=1"])
def test_both_tools_read_the_same_in_answers_of_both_servers(which, form, request, tmp_path):
    found = {}
    for name in sorted(WITH_WINDOWS):
        path = tmp_path / name
        path.write_bytes(ask(request.getfixturevalue(which), f"/debug/pprof/{name}{form}").body)
        found[name] = difference(["-traces", str(path)])
    assert found == dict.fromkeys(found, "")


def go_pprof(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PPROF_TMPDIR": str(directory)}
    command = [go_command(), "tool", "pprof", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)


@pytest.mark.parametrize(
    ("source", "function"),
    [
        ("profile?seconds=1&rate=500", "__main__.spin"),
        ("heap", "__main__.contend"),
        ("allocs", "__main__.contend"),
        ("block", "__main__.contend"),
        ("mutex", "__main__.spin"),
        ("goroutine", "__main__.sleeper"),
        ("threadcreate", "threading.Thread._bootstrap"),
        ("heap?seconds=1", "__main__.spin"),
    ],
)
def test_go_tool_pprof_fetches(server, source, function, tmp_path):
    index = "-sample_index=alloc_space" if source.startswith("heap") else "-nodecount=100"
    done = go_pprof("-top", "-cum", index, f"http://{server}/debug/pprof/{source}", directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert function in done.stdout


def test_go_tool_pprof_takes_seconds_and_a_base(server, tmp_path):
    address = f"http://{server}/debug/pprof"
    done = go_pprof("-top", "-seconds", "1", f"{address}/block", directory=tmp_path)
    assert "__main__.contend" in done.stdout, done.stderr
    base = tmp_path / "base.pb.gz"
    base.write_bytes(ask(server, "/debug/pprof/heap").body)
    ask(server, "/debug/pprof/heap?seconds=1")
    done = go_pprof(
        "-top",
        "-nodefraction=0",
        "-sample_index=alloc_space",
        "-base",
        str(base),
        f"{address}/heap",
        directory=tmp_path,
    )
    assert "__main__.contend" in done.stdout, done.stderr


def test_go_tool_pprof_shows_why_not(server, tmp_path):
    done = go_pprof("-top", f"http://{server}/debug/pprof/profile?seconds=1000", directory=tmp_path)
    assert "400 Bad Request - profile duration exceeds the limit of 300 s" in done.stderr


def test_a_token_in_the_address_is_shown_by_both_tools(tmp_path):
    with live_program(json.dumps({"token": "hunter2hunter2"})) as (_, address):
        source = f"http://:hunter2hunter2@{address}/debug/pprof/goroutine"
        assert "__main__.sleeper" in go_pprof("-top", source, directory=tmp_path).stdout
        out, err = io.BytesIO(), io.BytesIO()
        assert main(["prof", "-top", source], Streams(out, err)) == 0, err.getvalue()
        assert b"__main__.sleeper" in out.getvalue()
        assert b"hunter2" not in out.getvalue() + err.getvalue()
        assert main(["prof", "-top", f"http://{address}/debug/pprof/goroutine"], Streams(out, err)) == 2
        assert b"401 Unauthorized - a token is required" in err.getvalue()
