"""The HTML report in a real browser: sums, views, keys, safety."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from web.opened import Opened
from web.profiles import CPU, Sample, Step, build, program, random_program
from whet.analyze.profile.intervals import amdahl_bound, wilson_interval

Open = Callable[..., Opened]

SUMS_HOLD = """() => {
  const bad = [];
  for (const tree of [report.model.callees, report.model.callers]) {
    const sums = Float64Array.from(tree.self);
    for (let i = 1; i < tree.size; i++) sums[tree.parent[i]] += tree.total[i];
    for (let i = 0; i < tree.size; i++) {
      if (sums[i] !== tree.total[i] || !Number.isInteger(tree.total[i])) bad.push(i);
    }
  }
  return bad.length;
}"""
NAMES = "[...document.querySelectorAll('.boxes tbody .fn')].map((e) => e.textContent)"
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


def test_every_parent_is_itself_plus_its_children(open_report: Open) -> None:
    opened = open_report(random_program(7))
    assert opened.run(SUMS_HOLD) == 0
    profile = random_program(7)
    totals = profile.samples.values.sum(axis=0).tolist()
    for index, total in enumerate(totals):
        opened.run(f"report.goTo({{ type: {index} }})")
        assert opened.run("report.model.callees.total[0]") == total
        assert opened.run("report.model.callers.total[0]") == total
        assert opened.run(SUMS_HOLD) == 0
    assert opened.run("report.model.callees.frame.includes(-2)"), "nothing was folded: no test"


def test_nothing_above_the_cutoff_is_folded(open_report: Open) -> None:
    opened = open_report(random_program(3))
    largest = opened.run(
        """() => { const { model } = report; let most = 0;
        for (let i = 1; i < model.callees.size; i++) {
          const { folded, total } = model.callees;
          if (folded[i] === 1) most = Math.max(most, total[i] / model.total);
        } return most; }"""
    )
    assert largest < 0.00005


def test_flat_and_cum_of_functions_are_exact(open_report: Open) -> None:
    opened = open_report(program())
    rows = opened.run(
        "report.model.frames.name.map((n, i) => [n, report.model.flat[i], report.model.cum[i]])"
    )
    tick = 10_000_000
    assert {name: (flat // tick, cum // tick) for name, flat, cum in rows} == {
        "main": (3, 300),
        "work": (40, 220),
        "check": (141, 141),
        "dumps": (86, 86),
        "request": (30, 56),
    }


def test_label_filter_adds_up_anew(open_report: Open) -> None:
    opened = open_report(program(labels=True))
    whole = opened.run("report.model.total")
    totals = []
    for value in (1, 2):
        opened.page.select_option("#filters select", str(value))
        totals.append(opened.run("report.model.total"))
        assert opened.run(SUMS_HOLD) == 0
    assert sum(totals) == whole
    assert 0 < totals[0] < whole
    assert "labels=2" in opened.page.url


def test_intervals_and_bounds_are_those_of_the_text_reports(open_report: Open) -> None:
    opened = open_report(program())
    for share, samples in ((0.0, 10), (0.013, 77), (0.5, 300), (1.0, 4)):
        low, high = opened.run(
            f"report.model.interval.call({{ noInterval: () => '', total: 1, share: (v) => v,"
            f" effective: {samples} }}, {share})"
        )
        expected = wilson_interval(share, samples)
        assert low == pytest.approx(expected.low, abs=1e-12)
        assert high == pytest.approx(expected.high, abs=1e-12)
    frame = opened.run("report.model.frames.name.indexOf('check')")
    bound = opened.run(f"report.model.bound(report.model.cum[{frame}])")
    assert bound == pytest.approx(amdahl_bound(0.47))


def test_no_request_beyond_the_file_and_a_quiet_console(open_report: Open) -> None:
    opened = open_report(program(labels=True))
    opened.press("2", "i", "i", "ArrowDown", "ArrowDown", "s", "Escape", "3", "c", "4", "5", "1", "?")
    opened.page.keyboard.press("Escape")
    assert opened.requests == [opened.path.as_uri()]
    assert opened.errors == []


def test_policy_forbids_connections_and_foreign_scripts(open_report: Open) -> None:
    opened = open_report(program())
    assert opened.run("fetch('data:text/plain,x').then(() => 'sent', () => 'refused')") == "refused"
    opened.run(
        "void document.body.append(Object.assign(document.createElement('script'),"
        " { textContent: 'window.injected = 1' }))"
    )
    assert opened.run("window.injected") is None


def test_names_cannot_become_markup(open_report: Open) -> None:
    steps = [Step(HOSTILE), Step("main", file=f"/app/{HOSTILE}.py")]
    profile = build([Sample(steps, (9, 90), {HOSTILE: HOSTILE})], comments=[HOSTILE])
    opened = open_report(profile, title=HOSTILE, read_source=lambda _: f"# {HOSTILE}\n" * 9)
    opened.press("1", "2", "3", "4", "5")
    assert opened.errors == []
    assert opened.run("document.images.length") == 0
    assert opened.run("document.title") == f"{HOSTILE} · whet"
    assert HOSTILE in opened.run(NAMES)


def test_large_report_opens_and_is_small(open_report: Open) -> None:
    opened = open_report(random_program(11, samples=20_000))
    opened.run("report.flame.draw()")
    assert opened.path.stat().st_size < 2_000_000


def test_flame_graph_is_drawn_and_clicks_zoom(open_report: Open) -> None:
    opened = open_report(program(), hash_="#view=flame")
    pixels = opened.run(
        """() => { const c = document.querySelector('#flame-tree canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        const seen = new Set();
        for (let i = 0; i < d.length; i += 64) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
        return seen.size; }"""
    )
    assert pixels > 5
    box = opened.page.locator("#flame-tree canvas").bounding_box()
    opened.page.mouse.click(box["x"] + 30, box["y"] + 2 * 21 + 8)
    opened.settle()
    assert opened.run("report.model.nodeName(report.flame.tree, report.flame.node)") == "work"
    assert "work" in opened.page.locator("#crumbs").inner_text()
    opened.page.locator("#crumbs button").first.click()
    opened.settle()
    assert opened.run("report.flame.node") == 0


def test_hovering_tells_what_a_box_is(open_report: Open) -> None:
    opened = open_report(program(), hash_="#view=flame")
    box = opened.page.locator("#flame-tree canvas").bounding_box()
    opened.page.mouse.move(box["x"] + 30, box["y"] + 3 * 21 + 8)
    text = opened.page.locator("#tooltip").inner_text()
    for part in ("check", "/app/main.py:20", "own code", "40.0%", "47.0%", "at most 1.89× faster"):
        assert part in text


def test_frames_too_narrow_to_draw_are_one_sliver(open_report: Open) -> None:
    wide = Sample([Step("main"), Step("wide")], (100_000, 10**12))
    narrow = [Sample([Step("main"), Step(f"narrow_{i}")], (20, 2 * 10**8)) for i in range(60)]
    opened = open_report(build([wide, *narrow]), hash_="#view=flame")
    hit = opened.run("report.flame.hit(report.flame.width - 4, 2 * 21 + 8)")
    assert hit["sliver"]["count"] == 60
    assert hit["sliver"]["mass"] == 60 * 2 * 10**8


def test_keyboard_walks_zooms_and_returns(open_report: Open) -> None:
    opened = open_report(program(), hash_="#view=flame")
    name = "report.model.nodeName(report.flame.tree, report.flame.selected)"
    opened.press("ArrowDown", "ArrowDown")
    assert opened.run(name) == "work"
    opened.press("ArrowRight")
    assert opened.run(name) == "request"
    opened.press("ArrowLeft", "Enter")
    assert opened.run("report.flame.node === report.flame.selected")
    opened.press("Backspace")
    assert opened.run("report.model.nodeName(report.flame.tree, report.flame.node)") == "main"
    opened.press("0")
    assert opened.run("report.flame.node") == 0


def test_search_marks_and_sums_up(open_report: Open) -> None:
    opened = open_report(program())
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("dumps")
    opened.wait("document.querySelector('#matched').textContent !== ''")
    assert opened.page.locator("#matched").inner_text() == "1 function, 28.7% of the total"
    assert opened.run(NAMES) == ["dumps"]
    opened.page.keyboard.press("Enter")
    opened.settle()
    assert opened.run("report.model.nodeName(report.flame.tree, report.flame.selected)") == "dumps"
    opened.page.keyboard.press("Escape")
    assert len(opened.run(NAMES)) == 5


def test_regular_expressions_search_and_bad_ones_find_nothing(open_report: Open) -> None:
    opened = open_report(program(), hash_="#search=%2F%5E(work%7Ccheck)%24%2F")
    assert sorted(opened.run(NAMES)) == ["check", "work"]
    opened.run("report.goTo({ search: '/(/' })")
    assert opened.page.locator("#matched").inner_text() == "nothing found"


def test_inverted_view_starts_at_the_leaves(open_report: Open) -> None:
    opened = open_report(program(), hash_="#view=flame")
    opened.press("i")
    first = "report.flame.layout.sorted[report.flame.layout.first[0]]"
    assert opened.run(f"report.model.nodeName(report.flame.tree, {first})") == "check"
    assert opened.run(f"report.flame.tree.total[{first}]") == 141 * 10_000_000
    assert "inverted=1" in opened.page.url


def test_sandwich_shows_callers_and_callees(open_report: Open) -> None:
    opened = open_report(program(), hash_="#view=flame")
    opened.press("ArrowDown", "ArrowDown", "s")
    children = """(view) => [...view.layout.sorted]
        .filter((n) => n && view.tree.parent[n] === 0)
        .map((n) => [report.model.nodeName(view.tree, n), view.tree.total[n] / 1e7])"""
    assert opened.run(f"({children})(report.above)") == [["main", 220]]
    assert opened.run(f"({children})(report.below)") == [["check", 120], ["dumps", 60]]
    opened.press("Escape")
    assert opened.page.locator("#sandwich").is_hidden()


def test_recursion_is_not_counted_twice_in_a_sandwich(open_report: Open) -> None:
    main, fib = Step("main"), Step("fib")
    opened = open_report(build([Sample([main, *[fib] * 40], (10, 100))], CPU))
    opened.run("report.pivot(report.model.frames.name.indexOf('fib'))")
    assert opened.run("report.below.tree.total[0]") == 100
    assert opened.run("report.above.tree.total[0]") == 100


def test_double_click_opens_the_sandwich_of_the_box_under_it(open_report: Open) -> None:
    opened = open_report(program(), hash_="#view=flame")
    box = opened.page.locator("#flame-tree canvas").bounding_box()
    opened.page.mouse.dblclick(box["x"] + 30, box["y"] + 2 * 21 + 8)
    assert opened.page.locator("#crumbs strong").inner_text() == "work"


def test_the_address_holds_the_state(open_report: Open) -> None:
    opened = open_report(program(), hash_="#view=boxes&sort=cum&type=0&frame=1")
    assert opened.run("document.body.dataset.view") == "boxes"
    assert opened.run("report.model.typeName") == "samples"
    assert opened.run(NAMES)[:2] == ["main", "work"]
    assert opened.page.locator("tr.chosen .fn").inner_text() == "work"
    opened.run("void (location.hash = '#view=nonsense&zoom=99999999&type=-7&frame=x')")
    opened.wait("document.body.dataset.view === 'overview'")
    assert opened.errors == []


def test_sorting_by_heading_and_by_key(open_report: Open) -> None:
    opened = open_report(program())
    assert opened.run(NAMES)[0] == "check"
    opened.page.locator("th.c-cum button").click()
    assert opened.run(NAMES)[:2] == ["main", "work"]
    assert opened.page.locator("th.c-cum").get_attribute("aria-sort") == "descending"
    opened.press("f")
    assert opened.run(NAMES)[0] == "check"


def test_source_lines_carry_their_values(open_report: Open) -> None:
    text = "\n".join(f"line {i}" for i in range(1, 30)) + "\ndef later(): pass\n"
    opened = open_report(program(), read_source=lambda path: text if path == "/app/main.py" else None)
    frame = opened.run("report.model.frames.name.indexOf('check')")
    opened.run(f"report.goTo({{ view: 'source', frame: {frame} }})")
    row = opened.page.locator("tr.hit")
    assert [" ".join(t.split()) for t in row.all_inner_texts()] == ["1.41 s 1.41 s 22 line 22"]
    missing = opened.run("report.model.frames.name.indexOf('dumps')")
    opened.run(f"report.goTo({{ frame: {missing} }})")
    assert "source is not in this report" in opened.page.locator("#source").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_theme_follows_the_system_and_the_button(open_report: Open, theme: str) -> None:
    opened = open_report(program(), theme=theme)
    assert opened.run("document.documentElement.dataset.theme") == theme
    paper = "getComputedStyle(document.body).backgroundColor"
    before = opened.run(paper)
    opened.press("t")
    assert opened.run("document.documentElement.dataset.theme") != theme
    assert opened.run(paper) != before


CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_its_background(open_report: Open, theme: str) -> None:
    files = ["/app/m{}.py", "/venv/lib/python3.12/site-packages/p{}/a.py", "/usr/lib/python3.12/s{}.py"]
    steps = [Step(f"f{i}", files[i % 3].format(i)) for i in range(150)] + [Step(address=64)]
    opened = open_report(build([Sample([step], (5, 50)) for step in steps]), theme=theme)
    assert opened.run(CONTRAST) >= 4.5


ODD: dict[str, Any] = {
    "no samples": [],
    "one sample": [Sample([Step("main")], (1, 1))],
    "empty stack": [Sample([], (3, 30)), Sample([Step("main")], (1, 10))],
    "only addresses": [Sample([Step(address=64 + i), Step(address=32)], (1, 10)) for i in range(9)],
    "all zero": [Sample([Step("main")], (0, 0))],
    "negative": [Sample([Step("a")], (-5, -50)), Sample([Step("b")], (5, 50))],
    "long names": [Sample([Step("é" * 5000), Step("主函数"), Step("bad \udc80 bytes")], (1, 10))],
    "deep recursion": [Sample([Step("main"), *[Step("fib")] * 5000], (1, 10))],
}


@pytest.mark.parametrize("case", ODD)
def test_odd_profiles_are_shown(open_report: Open, case: str) -> None:
    opened = open_report(build(ODD[case]))
    opened.press("2", "ArrowDown", "ArrowDown", "Enter", "s", "Escape", "i", "3", "c", "4", "5", "1")
    assert opened.errors == []
    assert opened.run(SUMS_HOLD) == 0
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    assert opened.page.locator("#headline .lead").inner_text()


def test_four_sample_types_of_a_heap_profile_can_be_chosen(open_report: Open) -> None:
    types = [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ]
    samples = [
        Sample([Step("main"), Step("make")], (100, 1 << 20, 10, 1 << 17)),
        Sample([Step("main")], (5, 1 << 28, 0, 0)),
    ]
    opened = open_report(build(samples, types))
    assert opened.page.locator("#types button").all_inner_texts() == [
        "alloc objects",
        "alloc space",
        "inuse objects",
        "inuse space",
    ]
    opened.page.locator("#types button").nth(1).click()
    assert "257 MB" in opened.page.locator("#subtitle").inner_text()
    assert "no intervals" in opened.page.locator("#headline").inner_text()
    assert opened.page.locator("td.c-bound").first.inner_text() == "–"


def test_bytecode_stands_beside_source_lines(open_report: Open, tmp_path: Path) -> None:
    path = tmp_path / "work.py"
    path.write_text("def work(x):\n    return x + 1\n")
    profile = build([Sample([Step("work", str(path), 1, 2)], (3, 30))])
    opened = open_report(profile, read_source=lambda name: Path(name).read_text(), with_bytecode=True)
    opened.press("4")
    rows = opened.page.locator("#source .instruction")
    assert "BINARY_OP" in opened.page.locator("#source .lines").inner_text()
    opened.press("b")
    assert rows.count() == 0


def test_profiles_of_one_program_are_a_key_or_a_click_apart(open_report: Open) -> None:
    first, second = program(), program()
    page = open_report(first, name="CPU", others={"Waiting": second}).page
    profiles = page.locator("#profiles button")
    assert profiles.all_inner_texts() == ["CPU", "Waiting"]
    with page.expect_navigation():
        profiles.nth(1).click()
    page.wait_for_selector("body[data-ready=true]")
    assert page.locator("#profiles [aria-pressed=true]").inner_text() == "Waiting"
    assert "profile=Waiting" in page.url
    with page.expect_navigation():
        page.keyboard.press("m")
    page.wait_for_selector("body[data-ready=true]")
    assert page.locator("#profiles [aria-pressed=true]").inner_text() == "CPU"
    with page.expect_navigation():
        page.go_back()
    page.wait_for_selector("body[data-ready=true]")
    assert page.locator("#profiles [aria-pressed=true]").inner_text() == "Waiting"
