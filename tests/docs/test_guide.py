"""Walks through docs/guide.md: the shop, somebody who asks it, and the commands that find out why it is slow.

A block ```console ask=PATH compare=FUNCTION``` holds a command; while PATH is asked for, its output must
have FUNCTION in the first row, as the guide shows it.
"""

import io
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from process.live_servers import ask, running
from whet.cli.main import main
from whet.cli.streams import Streams

pytest.importorskip("whet._probe", reason="whet was installed without its collectors")

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```console ask=(\S+) compare=(\S+)\n\$ whet ([^\n]*)\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def shop(request):
    options = ["--address", "127.0.0.1:0", "--profiles", "127.0.0.1:0", *request.param]
    command = [sys.executable, "examples/shop.py", *options]
    with running(command, wait_for=r"shop at (.*)", cwd=ROOT) as (_, places):
        yield re.findall(r"http://([\d.:]+)/", places)


def run_while_asked(command: str, path: str, address: str) -> str:
    """Run a command while four others ask for a path; return its output."""
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            assert ask(address, path).status == 200

    out, err = io.BytesIO(), io.BytesIO()
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(go_on) for _ in range(4)]
        status = main(command.split(), Streams(out, err))
        over.set()
        for other in others:
            other.result()
    assert status == 0, err.getvalue()
    return out.getvalue().decode()


def rows(text: str) -> list[str]:
    """Return the functions of a table, the first row first."""
    return re.findall(r"^ *\S+ +\S+% +\S+% +\S+ +\S+% +(\S+)", text, re.M)


def test_the_guide_has_its_three_steps() -> None:
    assert [match[1] for match in BLOCK.finditer(GUIDE)] == ["/search?q=shoe", "/order", "/history"]


@pytest.mark.parametrize("shop", [()], indirect=True)
def test_each_step_finds_what_the_guide_says(shop: list[str]) -> None:
    address, profiles = shop
    for path, function, command, shown in BLOCK.findall(GUIDE):
        assert rows(shown)[0] == function
        text = run_while_asked(command.replace("127.0.0.1:6060", profiles), path, address)
        assert function in rows(text), text


@pytest.mark.parametrize("shop", [("--fixed",)], indirect=True)
def test_the_mended_shop_has_none_of_them(shop: list[str]) -> None:
    address, profiles = shop
    for path, function, command, _ in BLOCK.findall(GUIDE):
        if path == "/order":
            continue  # a lock that is held for a moment may still be waited for
        text = run_while_asked(command.replace("127.0.0.1:6060", profiles), path, address)
        assert function not in rows(text), text
