"""Tables as comma-separated values, byte by byte as benchstat writes them.

Warnings go beside the data, each with the name a spreadsheet gives its cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from whet.analyze.stat.table import Table, Tables
from whet.analyze.stat.utest import Mode
from whet.formats.numbers import format_float
from whet.render.stat.numbers import delta_text, p_text, range_text, ratio_text
from whet.render.stat.text import headings

__all__ = ["CsvWriter"]

_SPECIAL = frozenset(',"\r\n')
_CENTER, _DELTA = 2, 2


def _start(column: int) -> int:
    return 1 if column == 0 else 1 + _CENTER + (column - 1) * (_CENTER + _DELTA)


def _quoted(text: str) -> str:
    if text and (text[0].isspace() or text == "\\." or not _SPECIAL.isdisjoint(text)):
        return '"' + text.replace('"', '""') + '"'
    return text


class CsvWriter:
    """Renders tables; `warnings` is complete when all lines were taken."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._center = tables.summaries.center.tolist()
        self._row: list[str] = []
        self._line = 1
        self.warnings: list[str] = []

    def lines(self) -> Iterator[str]:
        """Yield the lines, without their ends."""
        for table, above in zip(self._tables.tables, headings(self._tables.tables), strict=True):
            for line in above:
                self._line += 1
                yield _quoted(line)
            yield from self._table(table)

    def _table(self, table: Table) -> Iterator[str]:
        count = len(table.columns)
        for level in range(len(table.keys)):
            for column, values in enumerate(table.columns):
                self._at(_start(column)).append(values[level])
            self._at(_start(count))
            yield self._finished()
        for column in range(count):
            self._at(_start(column)).extend([table.unit, "CI"] + (["vs base", "P"] if column else []))
        yield self._finished()
        for name, cells in zip(table.rows, table.cells.tolist(), strict=True):
            self._row.append(name)
            for column, cell in enumerate(cells):
                if cell >= 0:
                    self._at(_start(column))
                    self._cell(cell)
            yield self._finished()
        yield self._summary(table)

    def _cell(self, cell: int) -> None:
        tables, summaries = self._tables, self._tables.summaries
        center = self._center[cell]
        self._warn(tables.warnings.get(cell, ()))
        self._row += [
            format_float(center),
            range_text(center, float(summaries.low[cell]), float(summaries.high[cell])),
        ]
        base = int(tables.baseline[cell])
        if base < 0:
            return
        self._warn(tables.comparison_warnings.get(cell, ()))
        p, start = float(tables.p[cell]), tables.measurements.start
        self._row += [
            "~" if p > tables.alpha[cell] else delta_text(self._center[base], center),
            p_text(p, int(start[base + 1] - start[base]), int(start[cell + 1] - start[cell])),
        ]

    def _summary(self, table: Table) -> str:
        self._row.append("geomean")
        for column, summary in enumerate(table.summary):
            self._at(_start(column))
            self._warn(summary.warnings)
            if not math.isnan(summary.mean):
                self._row.append(format_float(summary.mean))
            if column:
                self._at(_start(column) + _CENTER).append(ratio_text(summary.ratio))
        self._at(_start(len(table.columns)))
        return self._finished()

    def _at(self, column: int) -> list[str]:
        """Fill the row up to a column."""
        self._row += [""] * (column - len(self._row))
        return self._row

    def _finished(self) -> str:
        line = ",".join(map(_quoted, self._row))
        self._row = []
        self._line += 1
        return line

    def _warn(self, warnings: Iterable[str]) -> None:
        name = _column_name(len(self._row), carry=self._tables.levels.mode is not Mode.BENCHSTAT)
        self.warnings += [f"{name}{self._line}: {text}" for text in warnings]


def _column_name(column: int, *, carry: bool) -> str:
    """Return a spreadsheet's name of a column from 0; benchstat does not carry: BA follows Z, not AA."""
    name = ""
    while True:
        name = chr(ord("A") + column % 26) + name
        column = column // 26 - (1 if carry else 0)
        if column < (0 if carry else 1):
            return name
