"""The HTML of `whet stat` in a browser: it asks for nothing, and can be read by day and by night."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from web.conftest import opened_file
from whet.cli.main import main
from whet.cli.streams import Streams

FILES = Path(__file__).resolve().parents[2] / "examples/stat"


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, tmp_path: Path) -> Any:
    out = io.BytesIO()
    files = [str(FILES / "old.txt"), str(FILES / "new.txt")]
    assert main(["stat", "-format", "html", *files], Streams(out, io.BytesIO())) == 0
    path = tmp_path / "page.html"
    path.write_bytes(out.getvalue())
    with opened_file(browser, path, request.param) as opened:
        yield opened


def test_page_shows_every_measurement_and_asks_for_nothing(page: Any) -> None:
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith("file://")] == []
    assert page.page.locator("svg.strip").count() == 8
    dots = page.page.locator("svg.strip path.dots").evaluate_all(
        "paths => paths.map((p) => p.getAttribute('d'))"
    )
    assert "".join(dots).count("M") == 8 * 2 * 12
    assert page.page.locator("td.worse").inner_text() == "+12.21% worse"


def test_dots_lie_within_their_strip(page: Any) -> None:
    outside = page.page.evaluate(
        """() => [...document.querySelectorAll("svg.strip")].filter((svg) => {
          const box = svg.getBoundingClientRect();
          return [...svg.querySelectorAll("path.dots")].some((dots) => {
            const d = dots.getBoundingClientRect();
            const r = parseFloat(getComputedStyle(dots).strokeWidth) / 2;
            const beside = d.left - r < box.left || d.right + r > box.right;
            return beside || d.top - r < box.top || d.bottom + r > box.bottom;
          });
        }).length"""
    )
    assert outside == 0


def test_text_and_dots_stand_out(page: Any) -> None:
    assert page.least_contrast("ink", "soft", "better", "worse", "old", "new", "third", "fourth") >= 4.0


def test_names_are_not_broken_where_there_is_room(page: Any) -> None:
    heights = page.page.evaluate(
        "() => [...document.querySelectorAll('tbody td:first-child')]"
        ".map((cell) => cell.getClientRects()[0].height)"
    )
    assert max(heights) < 60


@pytest.mark.parametrize("width", [360, 420, 760, 1280])
def test_nothing_of_a_comparison_is_cut_off(page: Any, width: int) -> None:
    page.page.set_viewport_size({"width": width, "height": 800})
    hidden = page.page.evaluate(
        "() => [document.documentElement, ...document.querySelectorAll('.scroll')]"
        ".map((e) => e.scrollWidth - e.clientWidth)"
    )
    assert max(hidden) == 0
