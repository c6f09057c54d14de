"""Tables as GitHub-flavoured Markdown, for pull requests and job summaries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whet.analyze.stat.details import Details
from whet.analyze.stat.table import Table, Tables
from whet.formats.numbers import format_float
from whet.render.stat.cells import (
    CellText,
    column_names,
    configuration_text,
    heading_text,
    row_texts,
    shared_configuration,
)
from whet.render.stat.numbers import common_scale, ratio_text
from whet.units import is_binary_unit

__all__ = ["render_markdown"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")


def render_markdown(tables: Tables, details: Details) -> Iterator[str]:
    """Yield the lines of all tables, without their ends."""
    level = f"{format_float(round(100 * tables.levels.confidence, 6))}%"
    shared = shared_configuration(tables)
    if shared:
        yield _text(configuration_text(shared))
        yield ""
    for number, table in enumerate(tables.tables):
        if number:
            yield ""
        yield f"### {_text(heading_text(table, shared))}"
        yield ""
        yield from _table(tables, details, table, level)


def _table(tables: Tables, details: Details, table: Table, level: str) -> Iterator[str]:
    names = [_text(name) for name in column_names(table)]
    titles, rules = ["benchmark", names[0]], ["---", "--:"]
    for name in names[1:]:
        titles += [name, "change", f"{level} of ratio", "p"]
        rules += ["--:"] * 4
    yield _row(titles)
    yield _row(rules)
    notes: dict[str, int] = {}
    for row in row_texts(tables, details, table):
        texts = [_text(row.name)]
        for column, cell in enumerate(row.cells):
            texts += _cell(cell, notes, compared=column > 0)
        yield _row(texts)
    if len(table.rows) > 1:
        yield _row(_summary(table))
    if notes:
        yield ""
        yield from (f"{number}. {_text(note)}" for note, number in notes.items())


def _cell(cell: CellText | None, notes: dict[str, int], *, compared: bool) -> list[str]:
    if cell is None:
        return [""] * (4 if compared else 1)
    marks = ",".join(str(notes.setdefault(note, len(notes) + 1)) for note in cell.notes)
    texts = [_text(cell.value) + (f" <sup>{marks}</sup>" if marks else "")]
    if compared:
        change = {"worse": f"**{cell.change}**"}.get(cell.verdict, _text(cell.change))
        texts += [f"{change} {cell.verdict}".strip(), cell.interval, _text(cell.p)]
    return texts


def _summary(table: Table) -> list[str]:
    binary, texts = is_binary_unit(table.unit), ["geomean"]
    for column, summary in enumerate(table.summary):
        known = summary.mean == summary.mean
        texts.append(common_scale([summary.mean], binary=binary).format(summary.mean) if known else "")
        if column:
            texts += [ratio_text(summary.ratio), "", ""]
    return texts


def _row(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _text(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
