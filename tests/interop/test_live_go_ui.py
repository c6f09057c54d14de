"""The web UI of the real `go tool pprof` over a server of whet.live."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from go_toolchain import go_command
from process.harness import needs_collector
from process.live_servers import LIMIT_S, ask, live_program, running

pytestmark = needs_collector


@pytest.fixture(scope="module")
def server():
    with live_program(json.dumps({"heap": 4096, "block": 1000})) as (_, address):
        yield address


@contextlib.contextmanager
def web_ui(*arguments: str, directory: Path) -> Iterator[str]:
    """Start `go tool pprof -http` at a free port; yield its address."""
    command = [go_command(), "tool", "pprof", "-no_browser", "-http=127.0.0.1:", *arguments]
    environment = {"PPROF_TMPDIR": str(directory)}
    with running(command, wait_for=r"web UI on http://(\S+)", env=environment) as (process, address):
        give_up = time.monotonic() + LIMIT_S
        while not answers(address):  # it says so a moment before it listens
            assert process.poll() is None
            assert time.monotonic() < give_up
        yield address


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=LIMIT_S).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(
    ("source", "function", "line"),
    [
        ("profile?seconds=1&rate=500", "__main__.spin", "sum(i * i for i in range(2000))"),
        ("heap?seconds=1", "__main__.contend", "kept.append(bytes(1000))"),
        ("goroutine", "__main__.sleeper", "await asyncio.sleep(3600)"),
    ],
)
def test_pages_name_functions_of_the_server_and_show_their_source(server, source, function, line, tmp_path):
    # What is in use may be nothing at the end of a second; what was allocated is not.
    query = "si=alloc_space" if source.startswith("heap") else "n=-1"
    with web_ui(f"http://{server}/debug/pprof/{source}", directory=tmp_path) as address:
        pages = ["top", "flamegraph", f"peek?f={function}", *(["graph"] if shutil.which("dot") else [])]
        for page in pages:
            separator = "&" if "?" in page else "?"
            answer = ask(address, f"/ui/{page}{separator}{query}")
            assert (answer.status, function in answer.text) == (200, True), page
        answer = ask(address, f"/ui/source?f={function}$&{query}")
        assert answer.status == 200
        assert line in answer.text


def test_pages_show_what_was_allocated_since_a_base(server, tmp_path):
    ask(server, "/debug/pprof/heap?seconds=1")
    base = tmp_path / "base.pb.gz"
    base.write_bytes(ask(server, "/debug/pprof/heap").body)
    ask(server, "/debug/pprof/heap?seconds=1")
    source = f"http://{server}/debug/pprof/heap"
    with web_ui("-base", str(base), source, directory=tmp_path) as address:
        since_base = shown_total(ask(address, "/ui/top?si=alloc_space").text)
        assert "__main__.contend" in ask(address, "/ui/flamegraph?si=alloc_space").text
    with web_ui(source, directory=tmp_path) as address:
        assert 0 < since_base < shown_total(ask(address, "/ui/top?si=alloc_space").text)


def shown_total(page: str) -> int:
    """Return the sum of the own values on the page `top`, bytes."""
    (rows,) = re.findall(r"TopTable\([^;]*?(\[\{.*\}\])\);", page, re.DOTALL)
    return sum(row["Flat"] for row in json.loads(rows))
