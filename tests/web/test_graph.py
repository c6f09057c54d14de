"""The call graph in the report: shown without breaking the page's policy, zoomed, looked into."""

from __future__ import annotations

from collections.abc import Callable

from web.opened import Opened
from web.profiles import Sample, Step, build

Open = Callable[..., Opened]

HOSTILE = "</g><script>document.title='owned'</script>"
BRIGHT = "[...document.querySelectorAll('#graph .node:not(.far)')].map((e) => e.dataset.name).sort()"
WIDTH = "document.querySelector('#graph svg').viewBox.baseVal.width"


def opened_graph(open_report: Open) -> Opened:
    main, work, leaf = Step("main"), Step("work"), Step("leaf")
    samples = [
        Sample([main, work, leaf], (60, 600)),
        Sample([main, Step(HOSTILE)], (30, 300)),
        Sample([main, Step("other")], (10, 100)),
    ]
    opened = open_report(build(samples))
    opened.press("5")
    return opened


def test_graph_shows_all_functions_and_breaks_no_policy(open_report: Open) -> None:
    opened = opened_graph(open_report)
    assert opened.run(BRIGHT) == sorted(["main", "work", "leaf", "other", HOSTILE])
    assert opened.errors == []
    assert "owned" not in opened.run("document.title")


def test_click_leaves_callers_and_callees_bright(open_report: Open) -> None:
    opened = opened_graph(open_report)
    opened.page.locator('#graph .node[data-name="work"]').click()
    assert opened.run(BRIGHT) == ["leaf", "main", "work"]
    assert "frame=" in opened.page.url
    opened.page.locator('#graph .node[data-name="work"]').click()
    assert len(opened.run(BRIGHT)) == 5


def test_keys_zoom_and_move(open_report: Open) -> None:
    opened = opened_graph(open_report)
    whole = opened.run(WIDTH)
    opened.page.locator("#graph-picture").focus()
    opened.press("+", "+", "ArrowRight")
    assert opened.run(WIDTH) < whole
    opened.press("0")
    assert opened.run(WIDTH) == whole


def test_search_marks_boxes(open_report: Open) -> None:
    opened = opened_graph(open_report)
    opened.run("report.goTo({ search: 'lea' })")
    assert opened.run("[...document.querySelectorAll('#graph .hit')].map((e) => e.dataset.name)") == ["leaf"]
