"""The page of `weblist` in a browser: it asks for nothing, lines open, by day and by night."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from web.conftest import opened_file
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.formats import pprof
from whet.model.builder import ProfileBuilder

SOURCE = '''\
def hot(n):
    """Add <b>numbers</b> up."""
    total = 0
    for i in range(n):
        total += i
    return total


def main():
    return hot(1000)
'''


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, tmp_path: Path) -> Any:
    source = tmp_path / "program.py"
    source.write_text(SOURCE)
    builder = ProfileBuilder([("samples", "count")])
    hot, main_ = builder.function("hot", str(source), 1), builder.function("main", str(source), 9)
    builder.sample([builder.location(hot, 5), builder.location(main_, 10)], [90])
    builder.sample([builder.location(main_, 10)], [10])
    (tmp_path / "p.pb.gz").write_bytes(pprof.encode(builder.build()))
    out = io.BytesIO()
    assert main(["prof", "weblist", ".", str(tmp_path / "p.pb.gz")], Streams(out, io.BytesIO())) == 0
    path = tmp_path / "page.html"
    path.write_bytes(out.getvalue())
    with opened_file(browser, path, request.param) as opened:
        yield opened


def test_page_shows_lines_with_values_and_asks_for_nothing(page: Any) -> None:
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith("file://")] == []
    (line,) = page.page.locator("#f1 summary.hit").all()
    assert line.inner_text().split() == ["90", "90", "5", "total", "+=", "i"]
    assert "<b>numbers</b>" in page.page.locator("#f1").inner_text()


def test_lines_open_to_their_instructions_with_mouse_and_keyboard(page: Any) -> None:
    line = page.page.locator("#f1 details", has_text="total += i")
    code = line.locator(".asm")
    assert not code.is_visible()
    line.locator("summary").focus()
    page.page.keyboard.press("Enter")
    assert code.is_visible()
    assert "STORE_FAST" in code.inner_text()
    page.page.keyboard.press("e")
    assert page.page.locator("details:not([open])").count() == 0
    page.page.get_by_role("button").click()
    assert page.page.locator("details[open]").count() == 0


def test_text_can_be_read_on_its_ground(page: Any) -> None:
    assert page.least_contrast("ink", "soft", "string", "word", "number") >= 4.5
