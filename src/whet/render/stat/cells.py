"""Cells of benchmark tables as texts, for the formats that show more than benchstat's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from whet.analyze.stat.details import Details
from whet.analyze.stat.table import Table, Tables
from whet.render.stat.numbers import Scale, common_scale, delta_text, fixed, p_text, range_text
from whet.units import is_binary_unit

__all__ = [
    "CellText", "RowText", "column_names", "configuration_text", "heading_text", "interval_text", "row_texts",
    "shared_configuration",
]  # fmt: skip


@dataclass(slots=True)
class CellText:
    """A cell in words.

    Attributes:
        cell: its number.
        value: center and range.
        change: of the center, `~` where there is none; '' without a baseline.
        verdict: `better`, `worse` or ''.
        interval: of the ratio.
        p: with the numbers of values.
        detectable: the smallest change that would be found.
        notes: warnings and doubts.
    """

    cell: int
    value: str
    change: str
    verdict: str
    interval: str
    p: str
    detectable: str
    notes: list[str]


@dataclass(slots=True)
class RowText:
    """A row: its name, its scale and a cell for each column, None where there is none."""

    name: str
    scale: Scale
    cells: list[CellText | None]


def shared_configuration(tables: Tables) -> list[tuple[str, str]]:
    """Return the keys, with their values, that all tables have alike."""
    headings = [dict(table.heading) for table in tables.tables]
    return [
        (key, value)
        for key, value in (tables.tables[0].heading if headings else [])
        if value and all(heading.get(key) == value for heading in headings)
    ]


def configuration_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Write keys with their values in one line."""
    return " · ".join(f"{key}: {value}" for key, value in pairs)


def heading_text(table: Table, shared: list[tuple[str, str]]) -> str:
    """Return the unit, and what of the configuration only some tables have."""
    own = [pair for pair in table.heading if pair[1] and pair not in shared]
    return f"{table.unit} · {configuration_text(own)}" if own else table.unit


def column_names(table: Table) -> list[str]:
    """Return the names of columns, of several keys joined."""
    return [" ".join(filter(None, values)) or "all" for values in table.columns]


def row_texts(tables: Tables, details: Details, table: Table) -> Iterator[RowText]:
    """Yield the rows of a table."""
    binary, center = is_binary_unit(table.unit), tables.summaries.center
    for name, cells in zip(table.rows, table.cells.tolist(), strict=True):
        scale = common_scale([float(center[c]) for c in cells if c >= 0], binary=binary)
        texts = [_cell(tables, details, table, cell, scale) if cell >= 0 else None for cell in cells]
        yield RowText(name, scale, texts)


def _cell(tables: Tables, details: Details, table: Table, cell: int, scale: Scale) -> CellText:
    summaries = tables.summaries
    center, low, high = (float(c[cell]) for c in (summaries.center, summaries.low, summaries.high))
    notes = [*tables.warnings.get(cell, ()), *tables.comparison_warnings.get(cell, ())]
    text = CellText(
        cell=cell,
        value=f"{scale.format(center)} ± {range_text(center, low, high)}",
        change="",
        verdict="",
        interval="",
        p="",
        detectable="",
        notes=notes + _doubts(details, cell, scale),
    )
    base = int(tables.baseline[cell])
    if base >= 0:
        _compare(text, tables, details, table, base)
    return text


def _compare(text: CellText, tables: Tables, details: Details, table: Table, base: int) -> None:
    cell, sizes = text.cell, tables.measurements.sizes
    old, new = float(tables.summaries.center[base]), float(tables.summaries.center[cell])
    p = float(tables.p[cell])
    text.p = p_text(p, int(sizes[base]), int(sizes[cell]))
    text.interval = interval_text(float(details.low[cell]), float(details.high[cell]))
    text.detectable = _percent(float(details.detectable[cell]))
    if p > tables.alpha[cell]:
        text.change = "~"
        return
    text.change = delta_text(old, new)
    if old != new and table.direction:
        text.verdict = "better" if (new > old) == (table.direction > 0) else "worse"


def interval_text(low: float, high: float) -> str:
    """Write an interval of a ratio."""
    if math.isnan(low) or math.isnan(high):
        return ""
    upper = "∞" if math.isinf(high) else fixed(high, 3)
    return f"{fixed(low, 3)}–{upper}"


def _percent(value: float) -> str:
    if math.isnan(value):
        return ""
    return "∞" if math.isinf(value) else f"{fixed(100 * value, 1)}%"


def _doubts(details: Details, cell: int, scale: Scale) -> list[str]:
    texts = []
    if cell in details.doubts.modes:
        low, high, share = details.doubts.modes[cell]
        texts.append(
            f"two modes, {scale.format(low)} and {scale.format(high)} ({fixed(100 * share, 0)}% of values)"
        )
    if cell in details.doubts.drift:
        texts.append(f"drifted by {fixed(100 * details.doubts.drift[cell], 1, sign=True)}% while measured")
    return texts
