"""`tags`: the values of every label key. Layout: pprof's `printTags`."""

from __future__ import annotations

from collections.abc import Iterator

from whet.analyze.profile.report import Report
from whet.analyze.profile.tags import KeyValues
from whet.render.profile.header import value_text
from whet.render.profile.tabular import align_right
from whet.units import format_percentage

__all__ = ["render_tags"]


def render_tags(report: Report, keys: list[KeyValues]) -> Iterator[str]:
    """Yield the lines of the report."""
    text = "".join(line + "\n" for key in keys for line in _key_lines(report, key))
    yield from align_right(text).split("\n")[:-1]


def _key_lines(report: Report, key: KeyValues) -> Iterator[str]:
    total = report.total
    share = f" ({format_percentage(key.total, total)})" if total > 0 else ""
    yield f"{key.key}:\t Total {value_text(report, key.total)} of {value_text(report, total)}{share}"
    for name, value in key.values:
        share = f" ({format_percentage(value, total)})" if total > 0 else ""
        yield f" \t{value_text(report, value)}{share}:\t {name}"
    yield ""
