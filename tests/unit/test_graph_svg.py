"""The drawn call graph: well-formed, complete, safe with any names, signs in colour and text."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings

from pprof_strategies import profiles
from whet.analyze.profile.callgraph import drawn_call_graph
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.report import prepare
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.errors import WhetError
from whet.formats import pprof
from whet.model.profile import Functions, Locations, Profile, Samples, StringTable
from whet.render.profile.graph_style import style, value_class
from whet.render.profile.graph_svg import render_graph_svg
from whet.render.svg import escape, text_width

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    '</text><script>alert("x")</script>',
    "a&b<c>'d\"",
    "\x00\x1b[31m\udc80",
    "]]>",
    "x" * 5000,
    "日本語",
]


def chain_profile(names, values=(7,)):
    """Return a profile in which each name calls the next; sample i ends at name i."""
    texts = list(dict.fromkeys(["", "cpu", "nanoseconds", *names]))
    count = len(names)
    stacks = [list(range(min(i, count - 1), -1, -1)) for i in range(max(count, len(values)))]
    stacks = stacks[-len(values) :]
    return Profile(
        strings=StringTable.from_texts(texts),
        sample_type=[(1, 2)],
        samples=Samples(
            stack_start=_starts([len(s) for s in stacks]),
            stack=_array([f for s in stacks for f in s], "int32"),
            values=_array([[v] for v in values], "int64"),
            label_start=_starts([0] * len(values)),
        ),
        locations=Locations(
            id=_array(range(1, count + 1), "uint64"),
            mapping=_array([-1] * count, "int32"),
            address=_array([0] * count, "uint64"),
            is_folded=_array([0] * count, "bool"),
            line_start=_starts([1] * count),
            line_function=_array(range(count), "int32"),
            line=_array([1] * count, "int64"),
            column=_array([0] * count, "int64"),
        ),
        functions=Functions(
            id=_array(range(1, count + 1), "uint64"),
            name=_array([texts.index(n) for n in names], "int32"),
            system_name=_array([0] * count, "int32"),
            filename=_array([0] * count, "int32"),
            start_line=_array([0] * count, "int64"),
        ),
    )


def _array(values, dtype):
    import numpy as np

    return np.array(list(values), dtype)


def _starts(counts):
    import numpy as np

    return np.cumsum([0, *counts]).astype(np.int64)


def draw(profile, **options):
    loaded, _ = as_loaded(profile)
    report = prepare(loaded, Config(**options), Defaults())
    return "\n".join(render_graph_svg(report, drawn_call_graph(report)))


def groups(picture, kind):
    root = ET.fromstring(picture.encode())
    return [g for g in root.iter(f"{SVG}g") if kind in g.get("class", "").split()]


def titles(picture, kind):
    return [g.find(f"{SVG}title").text for g in groups(picture, kind)]


def test_chain_is_drawn_with_all_nodes_and_edges():
    picture = draw(chain_profile(["main", "work", "leaf"], values=(5, 10, 15)))
    assert titles(picture, "node") == ["main (30ns)", "work (25ns)", "leaf (15ns)"]
    assert titles(picture, "edge")[::-1] == ["main -> work (25ns)", "work -> leaf (15ns)"]


def test_profile_without_samples_is_a_legend():
    profile = chain_profile(["main"])
    profile.samples.values[:] = 0
    picture = draw(profile)
    assert groups(picture, "node") == []
    assert len(groups(picture, "legend")) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    picture = draw(chain_profile(["main", name]))
    root = ET.fromstring(picture.encode())
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        "svg", "title", "style", "rect", "g", "text", "tspan", "path", "polygon",
    }  # fmt: skip
    assert len(groups(picture, "node")) == 2


def test_long_names_are_broken_into_lines_of_bounded_number_and_length():
    picture = draw(chain_profile(["main", "package.module.Class." + "x" * 500]))
    lines = [t.text for g in groups(picture, "node") for t in g.iter(f"{SVG}tspan")]
    assert max(len(line) for line in lines) <= 40
    assert len(lines) <= 16


def test_negative_values_have_a_sign_and_another_colour():
    picture = draw(chain_profile(["main", "faster", "slower"], values=(-40, 90)))
    names = {t: g.get("class") for t, g in zip(titles(picture, "node"), groups(picture, "node"), strict=True)}
    assert (
        any("(-" in title for title in titles(picture, "node") + titles(picture, "edge")) or "-40" in picture
    )
    assert {c.split()[1][0] for c in names.values()} <= {"p", "m"}


@pytest.mark.parametrize(
    ("value", "total", "name"),
    [(0, 10, "p0"), (10, 10, "p10"), (-10, 10, "m10"), (1, 10**9, "p1"), (5, 0, "p0")],
)
def test_colour_class_tells_sign_and_share(value, total, name):
    assert value_class(value, total) == name
    assert f".{name} rect" in style()


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_can_be_read_on_every_fill():
    light, dark = style().split("@media")
    for half, ink in ((light, "#1f1d1a"), (dark, "#f4f0e8")):
        fills = re.findall(r"rect\{fill:(#\w{6});stroke", half)
        assert len(fills) >= 21
        for fill in fills:
            high, low = sorted((luminance(fill), luminance(ink)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 7, (fill, ink)


def test_escaped_text_is_the_same_after_parsing():
    assert ET.fromstring(f'<a b="{escape(HOSTILE[1])}"/>').get("b") == HOSTILE[1]
    assert escape("\x00\ud800") == "��"


def test_text_width_grows_with_text_and_size():
    assert text_width("", 10) == 0
    assert text_width("iii", 10) < text_width("mmm", 10)
    assert text_width("mmm", 20) == 2 * text_width("mmm", 10)
    assert text_width("日", 10) == 10


def test_command_writes_one_picture(tmp_path):
    path = tmp_path / "p.pb.gz"
    path.write_bytes(pprof.encode(chain_profile(["main", "work"])))
    out = io.BytesIO()
    assert main(["prof", "svg", str(path)], Streams(out, io.BytesIO())) == 0
    assert ET.fromstring(out.getvalue()).tag == f"{SVG}svg"


@settings(max_examples=60, deadline=None)
@given(profiles(sample_types=1))
def test_any_profile_is_drawn_well_formed_or_refused(profile):
    try:
        picture = draw(profile)
    except WhetError:
        return
    ET.fromstring(picture.encode())
