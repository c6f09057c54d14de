"""The Mandelbrot service: pictures, and profiles of their drawing."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from process.live_servers import ask, running
from whet.formats.pprof import decode

pytest.importorskip("whet._probe", reason="whet was installed without its collectors")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def service():
    options = ["--address", "127.0.0.1:0", "--profiles", "127.0.0.1:0"]
    command = [sys.executable, "examples/mandelweb.py", *options]
    with running(command, wait_for=r"pictures at (.*)", cwd=ROOT) as (_, places):
        yield re.findall(r"http://([\d.:]+)/", places)


def test_a_picture_is_drawn_for_whoever_asks(service):
    lines = ask(service[0], "/?size=9&limit=30").text.splitlines()
    assert len(lines) == 9
    assert lines[1:] == lines[1:][::-1]
    assert ask(service[0], "/?size=x").status == 400
    assert ask(service[0], "/?size=100000").status == 400


def test_its_profile_is_of_the_drawing(service):
    address, profiles = service
    with ThreadPoolExecutor(1) as pool:
        profile = pool.submit(ask, profiles, "/debug/pprof/profile?seconds=1&rate=500")
        while not profile.done():
            assert ask(address, "/?size=40&limit=1000").status == 200
    decoded = decode(profile.result().body)
    assert "mandelbrot.escape_time" in {decoded.strings.text(i) for i in decoded.functions.name}
