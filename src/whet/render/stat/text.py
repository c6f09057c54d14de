"""Tables as text, byte by byte as benchstat writes them.

Every column of a table is a group: center, range and footnotes; from the second on also change,
test and footnotes. Footnotes are numbered per table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from whet.analyze.stat.table import Column, Table, Tables
from whet.render.stat.grid import Cell, lay_out
from whet.render.stat.numbers import common_scale, delta_text, p_text, range_text, ratio_text
from whet.units import is_binary_unit

__all__ = ["headings", "render_text"]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_CENTER, _DELTA = 3, 3


def render_text(tables: Tables) -> Iterator[str]:
    """Yield the lines of all tables, without their ends."""
    numbers = _Numbers(tables)
    for table, lines in zip(tables.tables, headings(tables.tables), strict=True):
        yield from lines
        yield from _TextTable(tables, numbers, table).lines()


def headings(tables: list[Table]) -> Iterator[list[str]]:
    """Yield the lines above each table: a blank one, and what changed in its configuration."""
    before: dict[str, str] | None = None
    for table in tables:
        changed = [
            f"{key}: {value}" for key, value in table.heading if before is None or before.get(key) != value
        ]
        yield ([] if before is None else [""]) + changed
        before = dict(table.heading)


def _start(column: int) -> int:
    """Return where a column's group begins; the first has nothing to compare with."""
    return 1 if column == 0 else 1 + _CENTER + (column - 1) * (_CENTER + _DELTA)


class _Numbers:
    """The numbers of all cells as lists, which are read one by one faster than arrays."""

    def __init__(self, tables: Tables) -> None:
        summaries = tables.summaries
        self.center: list[float] = summaries.center.tolist()
        self.low: list[float] = summaries.low.tolist()
        self.high: list[float] = summaries.high.tolist()
        self.baseline: list[int] = tables.baseline.tolist()
        self.p: list[float] = tables.p.tolist()
        self.alpha: list[float] = tables.alpha.tolist()
        self.size: list[int] = tables.measurements.sizes.tolist()


class _TextTable:
    """Builds the cells of one table."""

    def __init__(self, tables: Tables, numbers: _Numbers, table: Table) -> None:
        self._tables = tables
        self._numbers = numbers
        self._table = table
        self._binary = is_binary_unit(table.unit)
        self._notes: dict[str, str] = {}

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table and of its footnotes."""
        count = len(self._table.columns)
        rows = [*self._header(), self._units(), *self._body()]
        if len(self._table.rows) > 1:
            rows.append(self._summary())
        shrinking = {
            c
            for column in range(count)
            for c in range(_start(column) + 1, _start(column) + _CENTER + (_DELTA if column else 0))
        }
        yield from lay_out(rows, shrinking)
        yield from (f"{mark} {text}" for text, mark in self._notes.items())

    def _edge(self) -> Cell:
        return Cell(_start(len(self._table.columns) + 1), "", margin=" │")

    def _header(self) -> Iterator[list[Cell]]:
        """Yield a row for each key of columns; neighbours that agree in it, and above, share a cell."""
        columns = self._table.columns
        parts = [range(len(columns))]
        for level in range(len(self._table.keys)):
            parts = [run for part in parts for run in _runs(part, columns, level)]
            row = [
                Cell(
                    _start(p.start),
                    columns[p.start][level],
                    _start(p.stop) - _start(p.start),
                    " │ ",
                    "center",
                )
                for p in parts
            ]
            yield [*row, self._edge()]

    def _units(self) -> list[Cell]:
        row: list[Cell] = []
        for column in range(len(self._table.columns)):
            row.append(Cell(_start(column), self._table.unit, _CENTER, " │ ", "center"))
            if column:
                row.append(Cell(_start(column) + _CENTER, "vs base", _DELTA, "  "))
        return [*row, self._edge()]

    def _body(self) -> Iterator[list[Cell]]:
        numbers, warnings = self._numbers, self._tables.warnings
        center, low, high, baseline = numbers.center, numbers.low, numbers.high, numbers.baseline
        for name, cells in zip(self._table.rows, self._table.cells.tolist(), strict=True):
            scale = common_scale([center[c] for c in cells if c >= 0], binary=self._binary)
            row = [Cell(0, name)]
            for column, cell in enumerate(cells):
                if cell < 0:
                    continue
                at, middle = _start(column), center[cell]
                row.append(Cell(at, scale.format(middle), 1, " ", "right"))
                row.append(Cell(at + 1, range_text(middle, low[cell], high[cell]), 1, " ± ", "right"))
                row.append(_cell(at + 2, self._marks(warnings.get(cell))))
                if baseline[cell] >= 0:
                    row += self._comparison(cell, at + _CENTER)
            yield row

    def _comparison(self, cell: int, at: int) -> tuple[Cell, Cell, Cell]:
        numbers = self._numbers
        base, p = numbers.baseline[cell], numbers.p[cell]
        differs = p <= numbers.alpha[cell]
        change = delta_text(numbers.center[base], numbers.center[cell]) if differs else "~"
        return (
            Cell(at, change, 1, " ", "right"),
            Cell(at + 1, f"({p_text(p, numbers.size[base], numbers.size[cell])})", 1, " "),
            _cell(at + 2, self._marks(self._tables.comparison_warnings.get(cell))),
        )

    def _summary(self) -> list[Cell]:
        row = [Cell(0, "geomean")]
        for column, summary in enumerate(self._table.summary):
            row += self._column(column, summary)
        return row

    def _column(self, column: int, summary: Column) -> Iterator[Cell]:
        if not math.isnan(summary.mean):
            text = common_scale([summary.mean], binary=self._binary).format(summary.mean)
            yield _cell(_start(column), text, align="right")
        if column:
            align = "left" if math.isnan(summary.ratio) else "right"
            yield _cell(_start(column) + _CENTER, ratio_text(summary.ratio), align=align)
        yield _cell(_start(column + 1) - 1, self._marks(summary.warnings))

    def _marks(self, warnings: list[str] | None) -> str:
        """Return the footnote marks of warnings."""
        if not warnings:
            return ""
        for text in warnings:
            self._notes.setdefault(text, str(len(self._notes) + 1).translate(_SUPERSCRIPTS))
        return " ".join(self._notes[text] for text in warnings)


def _cell(column: int, text: str, *, align: str = "left") -> Cell:
    return Cell(column, text, 1, " " if text else "", align)


def _runs(part: range, columns: list[tuple[str, ...]], level: int) -> Iterator[range]:
    """Cut a range of columns where the value of a key changes."""
    start = part.start
    for column in range(part.start + 1, part.stop + 1):
        if column == part.stop or columns[column][level] != columns[start][level]:
            yield range(start, column)
            start = column
