"""Tables as text, byte by byte as benchstat writes them.

Every column of a table is a group: center, range and footnotes; from the second on also change,
test and footnotes. Footnotes are numbered per table.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from whet.analyze.stat.table import Column, Table, Tables
from whet.render.stat.grid import Cell, Strip, lay_out
from whet.render.stat.numbers import Scale, common_scale, delta_text, p_text, range_text, ratio_text
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
        head = [*self._header(), self._units()]
        strips = self._body()
        last = [self._summary()] if len(self._table.rows) > 1 else []
        shrinking = {
            c
            for column in range(count)
            for c in range(_start(column) + 1, _start(column) + _CENTER + (_DELTA if column else 0))
        }
        yield from lay_out(head, shrinking, strips, last)
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

    def _body(self) -> list[Strip]:
        center = self._numbers.center
        rows: list[list[int]] = self._table.cells.tolist()
        scales = [common_scale([center[c] for c in cells if c >= 0], binary=self._binary) for cells in rows]
        self._number_notes(rows)
        strips = [Strip(0, [name if name.strip() else "" for name in self._table.rows])]
        for column, cells in enumerate(zip(*rows, strict=True)):
            strips += self._group(_start(column), cells, scales)
        return strips

    def _group(self, at: int, cells: Sequence[int], scales: list[Scale]) -> Iterator[Strip]:
        """Yield the strips of one column of the table; -1 is no cell."""
        numbers = self._numbers
        center, low, high, baseline = numbers.center, numbers.low, numbers.high, numbers.baseline
        texts = [s.format(center[c]) if c >= 0 else "" for c, s in zip(cells, scales, strict=True)]
        ranges = [range_text(center[c], low[c], high[c]) if c >= 0 else "" for c in cells]
        yield Strip(at, texts, " ", "right")
        yield Strip(at + 1, ranges, " ± ", "right")
        yield Strip(at + 2, self._all_marks(cells, self._tables.warnings), " ")
        compared = [c if c >= 0 and baseline[c] >= 0 else -1 for c in cells]
        if max(compared) >= 0:
            yield from self._comparisons(at + _CENTER, compared)

    def _comparisons(self, at: int, cells: list[int]) -> Iterator[Strip]:
        numbers = self._numbers
        center, baseline, p, alpha = numbers.center, numbers.baseline, numbers.p, numbers.alpha
        changes = [
            ("~" if p[c] > alpha[c] else delta_text(center[baseline[c]], center[c])) if c >= 0 else ""
            for c in cells
        ]
        size = numbers.size
        tests = [f"({p_text(p[c], size[baseline[c]], size[c])})" if c >= 0 else "" for c in cells]
        yield Strip(at, changes, " ", "right")
        yield Strip(at + 1, tests, " ")
        yield Strip(at + 2, self._all_marks(cells, self._tables.comparison_warnings), " ")

    def _number_notes(self, rows: list[list[int]]) -> None:
        """Number the footnotes in the order in which a reader meets them."""
        warnings, comparison_warnings = self._tables.warnings, self._tables.comparison_warnings
        if warnings or comparison_warnings:
            for cell in itertools.chain.from_iterable(rows):
                self._marks(warnings.get(cell))
                self._marks(comparison_warnings.get(cell))

    def _all_marks(self, cells: Sequence[int], warnings: dict[int, list[str]]) -> list[str]:
        return [self._marks(warnings.get(c)) for c in cells] if warnings else [""] * len(cells)

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
