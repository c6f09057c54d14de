"""Tables: cells with their summaries, comparisons with the first column, and geometric means.

What a table says, and every warning, is benchstat's; how it looks is decided in render. Numbers are
arrays over all cells of all tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet.analyze.stat.collect_cells import Cells, View
from whet.analyze.stat.geomean import geometric_mean
from whet.analyze.stat.measurements import Measurements, Summaries, finite_interval_needs, summarize
from whet.analyze.stat.projection import Key
from whet.analyze.stat.utest import Mode, smallest_size, u_tests
from whet.formats.numbers import format_float
from whet.model.result import UnitMetadata

__all__ = ["ALL_EQUAL", "Column", "Levels", "Table", "Tables", "build_tables"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ALL_EQUAL = "all samples are equal"


@dataclass(frozen=True, slots=True)
class Levels:
    """What counts as different and how sure intervals are.

    Attributes:
        alpha: p-values above it show no difference.
        confidence: of intervals.
        mode: what p means under ties.
    """

    alpha: float = 0.05
    confidence: float = 0.95
    mode: Mode = Mode.EXACT


@dataclass(slots=True)
class Column:
    """What the last row says about a column.

    Attributes:
        mean: of the centers; NaN where there is none.
        ratio: of the ratios to the first column; NaN where there is none.
        warnings: about both.
    """

    mean: float
    ratio: float
    warnings: list[str]


@dataclass(slots=True)
class Table:
    """One table: all measurements in one unit under one configuration.

    Attributes:
        heading: (key, value) of its configuration.
        unit: of its values, tidied.
        exact: whether its values have no distribution.
        direction: 1 where higher is better, -1 where lower is, 0 where nobody knows.
        rows: the names of its rows.
        columns: the values of each column's keys.
        keys: the names of these keys.
        cells: int64[rows, columns], the number of a cell or -1.
        summary: of each column.
    """

    heading: list[tuple[str, str]]
    unit: str
    exact: bool
    direction: int
    rows: list[str]
    columns: list[tuple[str, ...]]
    keys: list[str]
    cells: I64
    summary: list[Column] = field(default_factory=list)


@dataclass(slots=True)
class Tables:
    """All tables and the numbers of their cells.

    Attributes:
        tables: in order.
        levels: what was asked for.
        measurements, summaries: of all cells.
        baseline: int64[cells], the cell each is compared with or -1.
        p: float64[cells]; 0 for exact units, NaN without a baseline.
        alpha: float64[cells], the level p is compared with; 0 for exact units.
        warnings: about a cell; about its comparison: comparison_warnings.
    """

    tables: list[Table]
    levels: Levels
    measurements: Measurements
    summaries: Summaries
    baseline: I64
    p: F64
    alpha: F64
    warnings: dict[int, list[str]]
    comparison_warnings: dict[int, list[str]]


@np.errstate(all="ignore")  # numbers follow IEEE 754, as Go's do
def build_tables(cells: Cells, view: View, levels: Levels, units: UnitMetadata) -> Tables:
    """Summarize and compare everything."""
    keys = view.table.ordered(cells.tables)
    tables = [_table(key, cells.tables[key], view, units) for key in keys]
    count = len(cells.measurements.sizes)
    exact, baseline = np.zeros(count, np.bool_), np.full(count, -1, np.int64)
    for table in tables:
        present = table.cells[table.cells >= 0]
        exact[present] = table.exact
        others, base = table.cells[:, 1:], np.broadcast_to(table.cells[:, :1], table.cells[:, 1:].shape)
        both = (others >= 0) & (base >= 0)
        baseline[others[both]] = base[both]
    result = Tables(
        tables=tables,
        levels=levels,
        measurements=cells.measurements,
        summaries=summarize(cells.measurements, exact, levels.confidence),
        baseline=baseline,
        p=np.full(count, math.nan),
        alpha=np.where(exact, 0.0, levels.alpha),
        warnings={},
        comparison_warnings={},
    )
    _warn_of_residues(result, cells, view)
    _warn_of_summaries(result, exact)
    _compare(result, exact)
    for table in tables:
        table.summary = [_column(result, table, c) for c in range(len(table.columns))]
    return result


def _table(key: Key, places: dict[tuple[Key, Key], int], view: View, units: UnitMetadata) -> Table:
    """Lay out the cells of a table."""
    rows = view.row.ordered({row for row, _ in places})
    columns = view.column.ordered({column for _, column in places})
    row_of = {row: i for i, row in enumerate(rows)}
    column_of = {column: i for i, column in enumerate(columns)}
    grid = np.full((len(rows), len(columns)), -1, np.int64)
    for (row, column), cell in places.items():
        grid[row_of[row], column_of[column]] = cell
    fields = view.column.fields()
    assert view.table.unit_field is not None
    unit = view.table.value(key, view.table.unit_field)
    return Table(
        heading=[
            (f.name, view.table.value(key, f)) for f in view.table.fields() if f is not view.table.unit_field
        ],
        unit=unit,
        exact=units.is_exact(unit),
        direction=units.direction(unit),
        rows=[view.row.text(row) for row in rows],
        columns=[tuple(view.column.value(column, f) for f in fields) for column in columns],
        keys=[f.name for f in fields],
        cells=grid,
    )


def _warn_of_residues(result: Tables, cells: Cells, view: View) -> None:
    for cell, residues in cells.residues.items():
        names = view.residue.varying(list(residues))
        if names:
            result.warnings[cell] = [f"benchmarks vary in {', '.join(names)}"]


def _warn_of_summaries(result: Tables, exact: Flags) -> None:
    """Say why an interval is infinite, and which exact values are not."""
    summaries, confidence = result.summaries, result.levels.confidence
    infinite = (np.isinf(summaries.low) | np.isinf(summaries.high)) & ~exact
    for cell in np.flatnonzero(infinite).tolist():
        relation, need = finite_interval_needs(confidence)
        result.warnings.setdefault(cell, []).append(
            f"need {relation} {need} samples for confidence interval at level {format_float(confidence)}"
        )
    for cell in np.flatnonzero(summaries.varies).tolist():
        low, high = format_float(float(summaries.low[cell])), format_float(float(summaries.high[cell]))
        result.warnings.setdefault(cell, []).append(
            f"exact distribution expected, but values range from {low} to {high}"
        )


def _compare(result: Tables, exact: Flags) -> None:
    """Test every cell against its baseline."""
    compared = result.baseline >= 0
    result.p[compared & exact] = 0.0
    pairs = np.flatnonzero(compared & ~exact)
    p = u_tests(result.measurements, result.baseline[pairs], pairs, result.levels.mode)
    sizes, alpha = result.measurements.sizes, result.levels.alpha
    relation, need = smallest_size(alpha)
    for cell in pairs[np.isnan(p)].tolist():
        result.comparison_warnings[cell] = [ALL_EQUAL]
    few = (p > alpha) & (sizes[result.baseline[pairs]] < need) & (sizes[pairs] < need)
    for cell in pairs[few].tolist():
        result.comparison_warnings[cell] = [
            f"need {relation} {need} samples to detect a difference at alpha level {format_float(alpha)}"
        ]
    result.p[pairs] = np.where(np.isnan(p), 1.0, p)


def _column(result: Tables, table: Table, column: int) -> Column:
    """Summarize a column; ratios are averaged, so that sets of benchmarks may differ."""
    cells = table.cells[:, column]
    cells = cells[cells >= 0]
    centers = result.summaries.center[cells]
    base = result.baseline[cells]
    new, old = centers[base >= 0], result.summaries.center[base[base >= 0]]
    ratios = np.where(new == old, 1.0, new / old)
    warnings, ratio = list[str](), math.nan
    if column and len(ratios) != int((table.cells[:, 0] >= 0).sum()):
        warnings.append("benchmark set differs from baseline; geomeans may not be comparable")
    mean = geometric_mean(centers)
    if math.isnan(mean):
        warnings.append("summaries must be >0 to compute geomean")
    if column and not ((old == 0) & (new != 0)).any():
        ratio = geometric_mean(ratios)
        if math.isnan(ratio):
            warnings.append("ratios must be >0 to compute geomean")
    return Column(mean, ratio, warnings)
