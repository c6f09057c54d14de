"""The web UI in a real browser: views, keys, filters, addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from web.opened import Opened
from web.profiles import Sample, Step, build, program, random_program
from whet.analyze.profile.config import Config
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.subtract import subtract
from whet.model.profile import Labels, Profile, StringTable

Open = Callable[..., Opened]

SUMS_HOLD = """((tree) => {
  const sums = Float64Array.from(tree.self);
  for (let i = 1; i < tree.size; i++) sums[tree.parent[i]] += tree.total[i];
  return sums.every((sum, i) => sum === tree.total[i]);
})(report.flame.tree)"""
NAMES = "[...document.querySelectorAll('.boxes tbody .fn')].map((e) => e.textContent)"
BOXES = "[...report.flame.tree.frame].filter((f) => f >= 0).map((f) => report.model.frames.name[f]).sort()"


def words(opened: Opened) -> dict[str, list[str]]:
    return parse_qs(urlsplit(opened.page.url).query)


def zoom_word(opened: Opened, name: str) -> None:
    """Zoom into the first box of a function."""
    opened.run(
        f"report.zoom(report.flame, report.flame.tree.frame.findIndex((f) => f >= 0 &&"
        f" report.model.frames.name[f] === {name!r}))"
    )
    opened.settle()


@pytest.mark.parametrize(
    ("key", "path", "shown"),
    [
        ("1", "/ui/", "#headline .lead"), ("2", "/ui/flamegraph", "#flame-tree canvas"),
        ("3", "/ui/top", ".boxes tbody tr"), ("4", "/ui/source", "#source .functions .item"),
        ("5", "/ui/graph", "#graph .node"), ("6", "/ui/peek", "#peek-text"),
        ("7", "/ui/tags", "#tags h2"), ("8", "/ui/about", "#about .cards"),
    ],
)  # fmt: skip
def test_every_view_has_a_key_and_an_address(open_ui: Open, key: str, path: str, shown: str) -> None:
    opened = open_ui(program(labels=True))
    opened.press(key)
    assert urlsplit(opened.page.url).path == path
    assert opened.page.locator(shown).first.is_visible()
    opened.page.reload()
    opened.page.wait_for_selector("body[data-ready=true]")
    assert opened.page.locator(shown).first.is_visible()
    assert opened.errors == []


def test_the_page_asks_only_its_own_server(open_ui: Open) -> None:
    opened = open_ui(program())
    opened.press("2", "3", "4", "5", "6", "7", "8")
    assert {urlsplit(url).netloc for url in opened.requests} == {urlsplit(opened.page.url).netloc}


def test_sums_hold_in_every_tree(open_ui: Open) -> None:
    profile = random_program(7)
    opened = open_ui(profile, "flamegraph")
    total = int(profile.samples.values[:, 1].sum())
    for change in ("{}", "{ inverted: true }", "{ inverted: false, type: 0 }"):
        opened.go(change)
        assert opened.run(SUMS_HOLD)
    assert opened.run("report.flame.tree.total[0]") == int(profile.samples.values[:, 0].sum())
    opened.go("{ type: 1 }")
    assert opened.run("report.flame.tree.total[0]") == total
    assert opened.run("report.flame.tree.frame.includes(-2)")


def test_zoom_asks_for_more_and_back_returns(open_ui: Open) -> None:
    opened = open_ui(random_program(7), "flamegraph")
    opened.page.locator("#flame-tree").focus()
    opened.press("ArrowDown", "ArrowDown")
    size, whole = opened.run("report.flame.tree.size"), opened.page.url
    opened.press("Enter")
    assert opened.run("report.flame.node") > 0
    assert opened.run("report.flame.tree.size") > size
    assert opened.run(SUMS_HOLD)
    zoomed, crumbs = opened.page.url, opened.page.locator("#crumbs").inner_text()
    assert "zoom=" in zoomed
    opened.page.go_back()
    opened.wait("report.flame.node === 0")
    assert opened.page.url == whole
    opened.page.goto(zoomed)
    opened.page.wait_for_selector("body[data-ready=true]")
    assert opened.page.locator("#crumbs").inner_text() == crumbs


def test_rest_boxes_show_their_parent_closely(open_ui: Open) -> None:
    opened = open_ui(random_program(7), "flamegraph")
    rest = "report.flame.tree.frame.findIndex((f, i) => f === -2 && report.flame.tree.parent[i] > 0)"
    opened.run(f"report.zoom(report.flame, {rest})")
    opened.settle()
    assert opened.run("report.flame.node") > 0
    assert opened.run("report.flame.tree.frame[report.flame.node]") >= 0


def test_focus_by_key_and_undo(open_ui: Open) -> None:
    opened = open_ui(program(), "flamegraph")
    opened.run("report.selectFrame(report.model.frames.name.indexOf('request'))")
    opened.press("F")
    assert words(opened)["f"] == ["^request$"]
    assert opened.run(BOXES) == ["dumps", "main", "request"]
    assert opened.run("report.model.total") == 3_000_000_000
    assert "focus ^request$" in opened.page.locator("#chips").inner_text()
    opened.press("u")
    assert "f" not in words(opened)
    assert len(opened.run(BOXES)) == 7


def test_hide_and_ignore_by_key(open_ui: Open) -> None:
    opened = open_ui(program(), "flamegraph")
    opened.run("report.selectFrame(report.model.frames.name.indexOf('work'))")
    opened.press("H")
    assert "work" not in opened.run(BOXES)
    assert opened.run("report.model.net") == 3_000_000_000
    opened.run("report.selectFrame(report.model.frames.name.indexOf('request'))")
    opened.press("X")
    assert "request" not in opened.run(BOXES)
    assert opened.run("report.model.net") == 2_440_000_000


def test_the_refine_dialog_sets_any_filter(open_ui: Open) -> None:
    opened = open_ui(program(labels=True), "flamegraph")
    opened.press("r")
    opened.page.fill("#refine-tf", "thread=worker")
    opened.page.select_option("#refine-tagroot", "thread")
    opened.page.click("#refine .primary")
    opened.settle()
    assert words(opened) == {"tf": ["thread=worker"], "tagroot": ["thread"]}
    assert "worker-1" in opened.run(BOXES)
    assert "MainThread" not in opened.run(BOXES)


def test_a_bad_expression_is_one_line_and_changes_nothing(open_ui: Open) -> None:
    opened = open_ui(program(), "flamegraph")
    before = opened.page.url
    opened.go("{ filters: { f: '(' } }")
    assert "parsing focus regexp" in opened.page.locator("#problem").inner_text()
    assert opened.page.url == before
    opened.go("{ filters: { f: 'work' } }")
    assert not opened.page.locator("#problem").is_visible()


def test_label_filter_and_its_address(open_ui: Open) -> None:
    opened = open_ui(program(labels=True))
    opened.page.select_option("#filters select", label="worker-1")
    opened.wait("location.search.includes('label')")
    assert words(opened)["label"] == ["thread=worker-1"]
    net = opened.run("report.model.net")
    assert 0 < net < 3_000_000_000
    opened.page.reload()
    opened.page.wait_for_selector("body[data-ready=true]")
    assert opened.run("report.model.net") == net


def test_labels_view_chooses_and_groups(open_ui: Open) -> None:
    opened = open_ui(program(labels=True), "tags")
    opened.page.get_by_role("button", name="group by").click()
    opened.settle()
    assert words(opened)["tagroot"] == ["thread"]
    assert {"MainThread", "worker-1"} <= set(opened.run(BOXES))


def test_sandwich_of_a_function(open_ui: Open) -> None:
    opened = open_ui(program(), "flamegraph")
    opened.run("report.selectFrame(report.model.frames.name.indexOf('dumps'))")
    opened.press("s")
    assert opened.run("report.below.tree.total[0]") == 860_000_000
    assert opened.run("report.above.tree.total[0]") == 860_000_000
    callers = opened.run("[...report.above.tree.frame].map((f) => report.model.frames.name[f])")
    assert {"work", "request", "main"} <= set(callers)
    opened.page.reload()
    opened.page.wait_for_selector("body[data-ready=true]")
    assert opened.run("report.below.tree.total[0]") == 860_000_000
    assert opened.page.locator("#sandwich-name").inner_text() == "callees of dumps"


def test_search_finds_what_is_not_on_the_screen(open_ui: Open) -> None:
    opened = open_ui(random_program(7), "top")
    known = opened.run("report.model.frames.name")
    profile = random_program(7)
    hidden = (
        next(
            name
            for name in (profile.strings.text(i) for i in profile.functions.name.tolist())
            if name not in known
        )
        if len(known) < len(profile.functions)
        else known[-1]
    )
    opened.go(f"{{ search: '/^{hidden}$/' }}")
    assert hidden in opened.run(NAMES)
    assert "1 function" in opened.page.evaluate("document.getElementById('matched').textContent")


def test_peek_shows_callers_and_callees(open_ui: Open) -> None:
    opened = open_ui(program(), "top")
    opened.run("report.selectFrame(report.model.frames.name.indexOf('dumps'))")
    opened.press("p")
    rows = opened.run(
        "[...document.querySelectorAll('#peek tr')].map((row) => [row.className, row.dataset.name,"
        " row.cells[0].textContent])"
    )
    assert sorted(rows) == [
        ["caller", "request", "260 ms"], ["caller", "work", "600 ms"], ["itself", "dumps", "860 ms"],
    ]  # fmt: skip


def difference() -> Profile:
    main, old, new, same = Step("main"), Step("old"), Step("new"), Step("same")
    before = build([Sample([main, old], (60, 600)), Sample([main, same], (40, 400))])
    after = build([Sample([main, new], (80, 800)), Sample([main, same], (40, 400))])
    return as_loaded(subtract(after, before, labelled=True, normalize=False))[0]


def test_differences_are_coloured_by_their_change(open_ui: Open) -> None:
    opened = open_ui(difference(), "flamegraph")
    assert opened.run("report.model.isDiff")
    change = opened.run(
        "Object.fromEntries([...report.flame.tree.frame].map((f, i) => [report.model.frames.name[f],"
        " [report.flame.tree.total[i], report.flame.tree.mass[i], report.flame.colors(i)[0]]]))"
    )
    assert change["old"][:2] == [-600, 600]
    assert change["new"][:2] == [800, 800]
    assert change["same"][:2] == [0, 800]
    assert change["main"][:2] == [200, 2200]
    assert len({tuple(c[2:]) for c in change.values()}) >= 3
    assert "pprof::base" not in opened.page.locator("#filters").inner_text()
    assert opened.run("report.model.total") == 1000, "shares are shares of the base"


def timed() -> Profile:
    profile = build([Sample([Step("main"), Step(f"part{i // 5}")], (1, 10)) for i in range(10)])
    key = len(profile.strings)
    labels = Labels(
        key=np.full(10, key, np.int32),
        text=np.zeros(10, np.int32),
        number=np.arange(10, dtype=np.int64) * 1_000_000_000,
        unit=np.zeros(10, np.int32),
    )
    samples = replace(profile.samples, labels=labels, label_start=np.arange(11, dtype=np.int64))
    return replace(
        profile, samples=samples, strings=StringTable.from_texts([*profile.strings.texts(), "timestamp_ns"])
    )


def test_a_part_of_the_time_is_dragged_out(open_ui: Open) -> None:
    opened = open_ui(timed(), "flamegraph")
    strip = opened.page.locator("#time").bounding_box()
    opened.page.mouse.move(strip["x"] + strip["width"] * 0.6, strip["y"] + 10)
    opened.page.mouse.down()
    opened.page.mouse.move(strip["x"] + strip["width"] - 2, strip["y"] + 12, steps=4)
    opened.page.mouse.up()
    opened.wait("location.search.includes('time=')")
    opened.settle()
    assert opened.run(BOXES) == ["main", "part1"]
    assert "time " in opened.page.locator("#chips").inner_text()


def test_no_time_no_strip(open_ui: Open) -> None:
    assert not open_ui(program(), "flamegraph").page.locator("#time").is_visible()


def test_source_has_bytecode_beside_its_lines(open_ui: Open, tmp_path: Path) -> None:
    path = tmp_path / "work.py"
    path.write_text("def work(x):\n    y = x + 1\n    return y\n")
    profile = build([Sample([Step("work", str(path), 1, 2)], (3, 30))])
    opened = open_ui(profile, "source")
    text = opened.page.locator("#source .lines").inner_text()
    assert "y = x + 1" in text
    assert "BINARY_OP" in text
    rows = opened.page.locator("#source .instruction")
    assert rows.count() > 3
    assert "does not tell its own" in opened.page.locator("#source article").inner_text()
    opened.press("b")
    assert rows.count() == 0


def test_a_saved_view_is_a_file_that_shows_it(open_ui: Open, tmp_path: Path) -> None:
    opened = open_ui(program(), "flamegraph?f=^work$")
    opened.go("{ inverted: true }")
    with opened.page.expect_download() as download:
        opened.press("w")
    path = tmp_path / "saved.html"
    download.value.save_as(path)
    opened.page.goto(path.as_uri())
    opened.page.wait_for_selector("body[data-ready=true]")
    assert opened.run("[report.state.view, report.state.inverted]") == ["flame", True]
    assert opened.run("report.model.net") == 2_200_000_000
    assert opened.errors == []


def test_options_of_the_command_line_can_be_taken_off(open_ui: Open) -> None:
    opened = open_ui(program(), config=Config(focus="^request$"))
    assert words(opened)["f"] == ["^request$"]
    opened.page.get_by_role("button", name="remove focus").click()
    opened.wait("!location.search")
    opened.settle()
    assert opened.run("report.model.net") == 3_000_000_000
    assert len(opened.run(BOXES)) == 7


def test_hostile_names_stay_text(open_ui: Open) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    opened = open_ui(
        build([Sample([Step("main"), Step(hostile, f"/{hostile}.py")], (1, 10), {hostile: hostile})])
    )
    opened.press("2", "3", "4", "5", "7", "8")
    opened.go("{ view: 'peek', peek: 'img' }")
    assert opened.errors == []
    assert opened.page.locator("img").count() == 0


def test_help_lists_the_keys_of_filters(open_ui: Open) -> None:
    opened = open_ui(program())
    opened.press("?")
    assert "refine" in opened.page.locator("#help").inner_text()
