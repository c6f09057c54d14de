"""`whet prof --http` as a process: where it says it is, how it ends, what it refuses."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from web.profiles import program
from whet.formats import pprof

WHET = [sys.executable, "-m", "whet", "prof"]


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "program.pb.gz"
    path.write_bytes(pprof.encode(program()))
    return str(path)


def refused(*arguments: str) -> Sequence[str]:
    done = subprocess.run([*WHET, *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.mark.parametrize("flag", ["--http", "-http"])
def test_it_serves_until_interrupted_and_ends_quietly(profile: str, flag: str) -> None:
    command = [*WHET, flag, ":0", "-no_browser", profile]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        line = child.stderr.readline()
        found = re.fullmatch(r"Serving web UI on (http://localhost:\d+/ui/)\n", line)
        assert found, line
        with urllib.request.urlopen(found[1], timeout=120) as response:
            assert response.status == 200
        child.send_signal(signal.SIGINT)
        assert child.stderr.read() == ""
        assert child.wait(120) == 0


def test_a_port_in_use_is_one_line_and_a_hint(profile: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lines = refused("--http", f"127.0.0.1:{port}", "-no_browser", profile)
    assert len(lines) == 2
    assert lines[0].startswith(f"whet: error: cannot listen on 127.0.0.1:{port}: ")
    assert lines[1].startswith("hint: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--http", "localhost:port"], ["--http", ":0", "-top"], ["--http", ":0", "-mean"],
        ["--http", ":0", "-json"], ["--http", ":0", "-focus", "("], ["--http", ":0", "-tagfocus", "a=("],
        ["--http", ":0", "-sample_index", "none"], ["--http", "no such host:0"],
        ["-view", "flame"], ["--http", ":0", "-html", "x.html"],
    ],
)  # fmt: skip
def test_calls_that_cannot_be_served_are_refused(profile: str, arguments: list[str]) -> None:
    lines = refused(*arguments, "-no_browser", profile)
    assert lines[0].startswith("whet: error: ")
    assert len(lines) <= 2


def test_a_profile_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pb.gz"
    bad.write_bytes(b"\x1f\x8bnot gzip")
    assert str(bad) in refused("--http", ":0", "-no_browser", str(bad))[0]
    assert "nothing.pb" in refused("--http", ":0", "-no_browser", str(tmp_path / "nothing.pb"))[0]


@pytest.mark.parametrize(
    "view", ["flame", "/ui/flamegraph?f=work&inverted=1", "flamegraph?label=x=y", "nothing"]
)
def test_a_view_of_a_page_is_known_or_refused(profile: str, tmp_path: Path, view: str) -> None:
    page = tmp_path / "page.html"
    if view in ("flame", "/ui/flamegraph?f=work&inverted=1"):
        done = subprocess.run(
            [*WHET, "--html", str(page), "-view", view, profile], capture_output=True, timeout=240
        )
        assert done.returncode == 0
        assert page.stat().st_size > 10_000
    else:
        refused("--html", str(page), "-view", view, profile)
        assert not page.exists()
