"""Recording inside programs that bend the interpreter: greenlets, other event loops, real servers.

Each library is skipped, with its name, where it is not installed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from process.harness import PROGRAMS, PYTHON, assert_same, meta, needs_collector, run, whet_run

pytestmark = needs_collector

REQUESTS = 100
ANSWER = str(sum(i * i for i in range(20_000))).encode()
WAIT_S = 120


def cpu_below(recording: Path, *names: str) -> list[int]:
    """Return the CPU time spent in each function and what it called, ns."""
    command = [PYTHON, "-m", "whet", "prof", "top", "--json", "--nodecount=1000000", str(recording)]
    rows = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["rows"]
    found = {row["name"].rpartition(".")[2]: row["cum"] for row in rows}
    return [found.get(name, 0) for name in names]


@pytest.mark.parametrize(("library", "program"), [("gevent", "greenlets.py"), ("uvloop", "fast_loop.py")])
def test_work_is_charged_to_the_greenlet_or_task_that_did_it(library, program, tmp_path):
    pytest.importorskip(library)
    assert_same([str(PROGRAMS / program)], tmp_path)
    target = [str(PROGRAMS / program), str(tmp_path / "spent")]
    done = run(whet_run(target, tmp_path / "fast", "--rate", "5000"), cwd=tmp_path)
    assert done.status == 0, done.err
    truth = json.loads((tmp_path / "spent").read_text())
    often, seldom = cpu_below(tmp_path / "fast", "often", "seldom")
    facts = meta(tmp_path / "fast")["cpu"]["statistics"]
    # The share of one of two kinds of work in independent samples of such weights, five standard deviations.
    error = 5 * (0.25 * (1 + facts["interval_cv2"]) / facts["samples"]) ** 0.5
    assert often / (often + seldom) == pytest.approx(truth["often"] / sum(truth.values()), abs=error)
    assert facts["rejected"] <= facts["samples"] / 100


def free_port() -> int:
    """Return a port that nobody has, below those that the kernel gives away; another test looks elsewhere."""
    for port in (10_000 + (os.getpid() * 64 + turn) % 20_000 for turn in range(64)):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        content: bytes = answer.read()
        return content


def until_it_answers(url: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + WAIT_S
    while True:
        try:
            get(url)
        except OSError:
            assert time.monotonic() < give_up, "the server does not answer"
            assert server.poll() is None, "the server has ended"
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize(
    ("library", "arguments", "in_this_process"),
    [
        ("gunicorn", ["-w", "2", "-b", "127.0.0.1:{port}", "wsgi_app:app"], False),
        ("gunicorn", ["--threads", "4", "-w", "1", "-b", "127.0.0.1:{port}", "wsgi_app:app"], False),
        ("gunicorn", ["-k", "gevent", "-w", "1", "-b", "127.0.0.1:{port}", "wsgi_app:app"], False),
        ("uvicorn", ["--loop", "asyncio", "--port", "{port}", "asgi_app:app"], True),
        ("uvicorn", ["--loop", "uvloop", "--port", "{port}", "asgi_app:app"], True),
    ],
    ids=["gunicorn", "gunicorn-threads", "gunicorn-gevent", "uvicorn", "uvicorn-uvloop"],
)
def test_server_serves_and_stops_as_it_would(library, arguments, in_this_process, tmp_path):
    pytest.importorskip(library)
    for part in ("gevent", "uvloop"):
        if part in arguments:
            pytest.importorskip(part)
    port = free_port()
    target = ["-m", library, *(word.format(port=port) for word in arguments)]
    url = f"http://127.0.0.1:{port}/"
    with (tmp_path / "log").open("wb") as log:
        plain = served([PYTHON, *target], url, log)
        recorded = served(whet_run(target, tmp_path / "rec"), url, log)
    assert recorded == plain, (tmp_path / "log").read_text()
    assert not meta(tmp_path / "rec")["partial"]
    if in_this_process:
        [cpu_ns] = cpu_below(tmp_path / "rec", "app")
        assert cpu_ns > 0


def served(command: list[str], url: str, log) -> int:
    """Run a server for some requests, stop it, and return its exit status."""
    with subprocess.Popen(command, cwd=PROGRAMS, stdout=log, stderr=log) as server:
        try:
            until_it_answers(url, server)
            assert {get(url) for _ in range(REQUESTS)} == {ANSWER}
            server.send_signal(signal.SIGTERM)
            return server.wait(WAIT_S)
        finally:
            server.kill()
