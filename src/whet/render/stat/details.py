"""What `--details` adds to text: ratios with intervals, corrected p-values, what could be seen, doubts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from whet.analyze.stat.details import Details
from whet.analyze.stat.table import Table, Tables
from whet.render.stat.cells import CellText, column_names, heading_text, row_texts, shared_configuration
from whet.render.stat.grid import Cell, lay_out
from whet.render.stat.numbers import fixed

__all__ = ["render_details"]

_TITLES = ("ratio", "interval", "p(Holm)", "p(BH)", "could see")


def render_details(tables: Tables, details: Details) -> Iterator[str]:
    """Yield the lines of a table for each column that is compared, and of doubts."""
    shared = shared_configuration(tables)
    for table in tables.tables:
        rows = list(row_texts(tables, details, table))
        names = column_names(table)
        for column in range(1, len(names)):
            compared = [(row.name, text) for row in rows if (text := row.cells[column]) and text.p]
            if compared:
                yield ""
                yield f"{heading_text(table, shared)}: {names[column]} to {names[0]}"
                yield from _lines(details, compared)
        yield from _doubts(table, [(row.name, text) for row in rows for text in row.cells if text], names)


def _lines(details: Details, compared: list[tuple[str, CellText]]) -> Iterator[str]:
    rows = [[Cell(i + 1, title, 1, "  ", "right") for i, title in enumerate(_TITLES)]]
    for name, text in compared:
        cell = text.cell
        shown = (
            _number(float(details.ratio[cell])),
            text.interval,
            _number(float(details.holm[cell])),
            _number(float(details.bh[cell])),
            text.detectable,
        )
        rows.append([Cell(0, name), *(Cell(i + 1, t, 1, "  ", "right") for i, t in enumerate(shown))])
    yield from lay_out(rows, set())


def _number(value: float) -> str:
    return "" if math.isnan(value) else fixed(value, 3)


def _doubts(table: Table, cells: list[tuple[str, CellText]], names: list[str]) -> Iterator[str]:
    column_of = {int(cell): names[column] for row in table.cells for column, cell in enumerate(row)}
    for name, text in cells:
        for note in text.notes:
            if note.startswith(("two modes", "drifted")):
                yield f"{name} in {column_of[text.cell]}: {note}"
