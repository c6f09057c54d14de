"""Memory and garbage collections over time: the lines of gc.txt, and their picture."""

import xml.etree.ElementTree as ET

import pytest

from whet.formats import gctrace
from whet.render.over_time import Moments, render_over_time

LINES = """\
# whet: gc_collections=7
gc 1 @0.002s 4.46%: gen 0, 0.103 ms, ~701->701 objects, 0 collected, 0 uncollectable, 13.4 MB, MainThread
gc 2-5 @0.100-0.500s 0.42%: gen 0x3+1x1, 0.184 ms (longest 0.090), ~702->117 objects, 585 collected, ...
gc 6 @1.204s 0.42%: gen 2, 12.310 ms, 107716->107268 objects, 448 collected, 0 uncollectable, 68.4 MB, a gc 9
gc 7-8 @2.000-2.100s 0.42%: gen 0x1+2x1, 3.000 ms (longest 2.500), 5->4 objects, 1 collected, 0 uncollectable
nonsense
"""


def test_lines_are_read_with_their_neighbours_and_comments_passed_over() -> None:
    found = gctrace.decode(LINES)
    assert [(one.count, one.begin_s, one.end_s) for one in found] == [
        (1, 0.002, 0.002),
        (4, 0.1, 0.5),
        (1, 1.204, 1.204),
        (2, 2.0, 2.1),
    ]
    assert [(one.pause_ms, one.longest_ms, one.full) for one in found] == [
        (0.103, 0.103, False),
        (0.184, 0.090, False),
        (12.31, 12.31, True),
        (3.0, 2.5, True),
    ]


def picture(html: str) -> ET.Element:
    return ET.fromstring(html.partition("<p class")[0])


def test_a_bar_for_each_line_as_high_as_its_longest_pause() -> None:
    svg = picture(render_over_time(None, gctrace.decode(LINES)))
    bars = svg.findall("rect")
    assert [bar.get("class") for bar in bars] == ["young", "young", "full", "full"]
    heights = [float(bar.get("height", "0")) for bar in bars]
    assert max(heights) == heights[2]
    assert heights[3] / heights[2] == pytest.approx(2.5 / 12.31, abs=0.01)


def test_lines_of_memory_have_a_point_for_each_moment() -> None:
    moments = Moments([0.1, 0.2, 4.0], [10e6, 20e6, 15e6], [1e6, 2e6, 0.0])
    svg = picture(render_over_time(moments, []))
    lines = {line.get("class"): line.get("points", "").split() for line in svg.findall("polyline")}
    assert {name: len(points) for name, points in lines.items()} == {"resident": 3, "traced": 3}
    ys = [float(point.partition(",")[2]) for point in lines["resident"]]
    assert min(ys) == ys[1]


def test_facts_add_up_what_lines_share() -> None:
    html = render_over_time(None, gctrace.decode(LINES))
    assert "garbage collection, 8 of them" in html
    assert "15.60ms in all" in html


@pytest.mark.parametrize("seconds", [1e-6, 0.3, 59.0, 1e6])
def test_any_length_of_time_gets_a_few_marks(seconds: float) -> None:
    svg = picture(render_over_time(Moments([0.0, seconds], [1.0, 2.0], [0.0, 1.0]), []))
    marks = [text for text in svg.findall("text") if text.get("text-anchor") == "middle"]
    assert 2 <= len(marks) <= 8


def test_nothing_to_draw_is_nothing() -> None:
    assert render_over_time(None, []) == ""
