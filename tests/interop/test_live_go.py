"""whet.live beside a real net/http/pprof, and under the real `go tool pprof`."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from interop.pprof_oracle import go_command
from process.harness import needs_collector
from process.live_servers import Answer, ask, live_program
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.formats.pprof import decode

pytestmark = needs_collector

SOURCE = Path(__file__).parent / "goserver" / "main.go"
# What is compared of an answer: paths, methods and parameters as tools and people send them.
REQUESTS = [
    "/debug/pprof/",
    "/debug/pprof",
    "/debug/pprof/profile?seconds=1",
    "/debug/pprof/heap",
    "/debug/pprof/heap?gc=1",
    "/debug/pprof/heap?debug=0",
    "/debug/pprof/heap?debug=1",
    "/debug/pprof/heap?debug=x",
    "/debug/pprof/heap?gc=1&debug=1",
    "/debug/pprof/heap?seconds=1",
    "/debug/pprof/heap?seconds=1&gc=1",
    "/debug/pprof/heap?seconds=1&debug=0",
    "/debug/pprof/heap?seconds=1&debug=1",
    "/debug/pprof/heap?seconds=0",
    "/debug/pprof/heap?seconds=-1",
    "/debug/pprof/heap?seconds=x",
    "/debug/pprof/heap?seconds=1.5",
    "/debug/pprof/heap?seconds=99999999999999999999",
    "/debug/pprof/heap?seconds=",
    "/debug/pprof/heap?seconds=%31",
    "/debug/pprof/allocs",
    "/debug/pprof/allocs?debug=1",
    "/debug/pprof/allocs?seconds=1",
    "/debug/pprof/block",
    "/debug/pprof/block?debug=1",
    "/debug/pprof/block?seconds=1",
    "/debug/pprof/mutex",
    "/debug/pprof/mutex?debug=1",
    "/debug/pprof/mutex?seconds=1",
    "/debug/pprof/goroutine",
    "/debug/pprof/goroutine?debug=1",
    "/debug/pprof/goroutine?debug=2",
    "/debug/pprof/goroutine?seconds=1",
    "/debug/pprof/goroutine?seconds=1&debug=2",
    "/debug/pprof/threadcreate",
    "/debug/pprof/threadcreate?debug=1",
    "/debug/pprof/threadcreate?seconds=1",
    "/debug/pprof/cmdline",
    "/debug/pprof/symbol",
    "/debug/pprof/symbol?0x1234",
    "/debug/pprof/nope",
    "/debug/pprof/nope?debug=1",
    "/debug/pprof/nope?seconds=1",
    "/debug/pprof/heap/",
    "/debug/nope",
    "/nope",
    "/",
    "POST /debug/pprof/",
    "POST /debug/pprof/symbol",
    "PUT /debug/pprof/profile?seconds=1",
    "DELETE /debug/pprof/heap",
    "HEAD /debug/pprof/heap",
    "HEAD /debug/pprof/cmdline",
]


@pytest.fixture(scope="module")
def go_server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("goserver")
    binary = directory / "server"
    shutil.copy(SOURCE, directory)
    # Without a version, Go builds a server that behaves like those of years ago.
    (directory / "go.mod").write_text("module server\n\ngo 1.24\n")
    subprocess.run([go_command(), "build", "-o", str(binary), "."], cwd=directory, check=True, timeout=240)
    process = subprocess.Popen([str(binary)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def server():
    with live_program(json.dumps({"heap": 4096, "block": 1000})) as (_, address):
        yield address


def seen(answer: Answer) -> dict[str, object]:
    """What must be the same."""
    kind = answer.headers.get("content-type")
    found: dict[str, object] = {
        "status": answer.status,
        "type": kind,
        "disposition": answer.headers.get("content-disposition"),
        "nosniff": answer.headers.get("x-content-type-options"),
        "for pprof": answer.headers.get("x-go-pprof"),
        "allow": answer.headers.get("allow"),
    }
    if answer.status >= 400:
        found["text"] = answer.text
    elif kind == "application/octet-stream" and answer.body:
        profile = decode(answer.body)
        text = profile.strings.text
        found["value types"] = [(text(kind), text(unit)) for kind, unit in profile.sample_type]
        found["period type"] = profile.period_type and tuple(map(text, profile.period_type))
        found["is of a time"] = profile.duration_nanos > 0 if "-delta" in str(found["disposition"]) else None
    return found


@pytest.mark.parametrize("line", REQUESTS)
def test_answers_are_those_of_net_http_pprof(line, server, go_server):
    method, _, path = line.rpartition(" ")
    ours, theirs = (seen(ask(address, path, method=method or "GET")) for address in (server, go_server))
    assert ours == theirs


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
        "-top", "-sample_index=alloc_space", "-base", str(base), f"{address}/heap", directory=tmp_path
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
