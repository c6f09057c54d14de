"""What tables leave out: intervals of ratios, corrected p-values, what could be seen, doubts.

Numbers only, for the comparisons of all tables; render decides what of it is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.stat.correction import Correction, corrected
from whet.analyze.stat.doubts import Doubts, find_doubts
from whet.analyze.stat.power import detectable_changes
from whet.analyze.stat.ratio import ratio_intervals
from whet.analyze.stat.table import ALL_EQUAL, Table, Tables

__all__ = ["SORTS", "Details", "Regression", "correct", "find_details", "find_regressions", "sort_rows"]

F64 = npt.NDArray[np.float64]

SORTS = ("name", "delta", "p", "old", "new")


@dataclass(slots=True)
class Details:
    """More about every cell; NaN without a baseline.

    Attributes:
        ratio, low, high: float64[cells], of the new to the old values, with an interval.
        holm, bh: float64[cells], p-values by both corrections over all tables.
        detectable: float64[cells], the smallest relative change that would be found.
        doubts: about sets.
    """

    ratio: F64
    low: F64
    high: F64
    holm: F64
    bh: F64
    detectable: F64
    doubts: Doubts


@dataclass(frozen=True, slots=True)
class Regression:
    """A change for the worse."""

    row: str
    unit: str
    column: str
    change: float
    p: float


@np.errstate(all="ignore")  # numbers follow IEEE 754, as Go's do
def find_details(tables: Tables) -> Details:
    """Compute everything there is beside the tables."""
    compared = np.flatnonzero(tables.baseline >= 0)
    base, measurements = tables.baseline[compared], tables.measurements
    intervals = np.full((len(tables.baseline), 3), math.nan)
    intervals[compared] = ratio_intervals(measurements, base, compared, tables.levels.confidence)
    exact = np.flatnonzero((tables.baseline >= 0) & (tables.alpha == 0) & (tables.p == 0))
    ratio = tables.summaries.center[exact] / tables.summaries.center[tables.baseline[exact]]
    intervals[exact] = ratio[:, None]
    detectable = np.full(len(tables.baseline), math.nan)
    detectable[compared] = detectable_changes(measurements, base, compared, tables.levels.alpha)
    p = _tested(tables)
    return Details(
        ratio=intervals[:, 0],
        low=intervals[:, 1],
        high=intervals[:, 2],
        holm=corrected(p, Correction.HOLM),
        bh=corrected(p, Correction.FALSE_DISCOVERIES),
        detectable=detectable,
        doubts=find_doubts(measurements),
    )


def correct(tables: Tables, method: Correction) -> int:
    """Replace p-values by corrected ones; return over how many tests."""
    tested = _tested(tables)
    found = corrected(tested, method)
    tables.p = np.where(np.isnan(found), tables.p, found)
    return int((~np.isnan(tested)).sum())


def _tested(tables: Tables) -> F64:
    """Return p-values of tests that could have found something, NaN elsewhere."""
    p = np.where((tables.baseline >= 0) & (tables.alpha > 0), tables.p, math.nan)
    for cell, warnings in tables.comparison_warnings.items():
        if ALL_EQUAL in warnings:
            p[cell] = math.nan
    return p


@np.errstate(all="ignore")  # numbers follow IEEE 754, as Go's do
def sort_rows(tables: Tables, key: str, *, reverse: bool) -> None:
    """Sort the rows of every table by the first column that is compared; rows without it come last."""
    for table in tables.tables:
        values = [_sort_value(tables, table.cells[row].tolist(), key) for row in range(len(table.rows))]
        present = [row for row, value in enumerate(values) if not math.isnan(value)]
        if key == "name":
            order = sorted(range(len(table.rows)), key=lambda row: table.rows[row], reverse=reverse)
        else:
            order = sorted(present, key=lambda row: values[row], reverse=reverse)
            order += [row for row, value in enumerate(values) if math.isnan(value)]
        table.rows = [table.rows[row] for row in order]
        table.cells = table.cells[order]


def _sort_value(tables: Tables, cells: list[int], key: str) -> float:
    """Return what a row is sorted by, NaN where it has none."""
    center = tables.summaries.center
    new = next((cell for cell in cells[1:] if cell >= 0), -1)
    if key == "old":
        return float(center[cells[0]]) if cells[0] >= 0 else math.nan
    if key == "new":
        return float(center[new]) if new >= 0 else math.nan
    if new < 0 or tables.baseline[new] < 0:
        return math.nan
    return float(tables.p[new]) if key == "p" else _change(tables, new)


def _change(tables: Tables, cell: int) -> float:
    """Return the relative change of the center, NaN from zero."""
    old, new = (float(tables.summaries.center[c]) for c in (tables.baseline[cell], cell))
    if old == new:
        return 0.0
    return math.nan if old == 0 else new / old - 1


@np.errstate(all="ignore")  # numbers follow IEEE 754, as Go's do
def find_regressions(tables: Tables, threshold: float) -> tuple[list[Regression], list[str]]:
    """Find significant changes for the worse by at least a threshold (0.05 is 5 %).

    A change from zero, which has no size, counts if it is for the worse.

    Returns:
        the regressions, largest first, and the units of which nobody knows what is better.
    """
    found: list[Regression] = []
    unknown: dict[str, None] = {}
    for table in tables.tables:
        for row, column in np.argwhere(_significant(tables, table)).tolist():
            cell = int(table.cells[row, column])
            change = _change(tables, cell)
            if table.direction == 0:
                unknown[table.unit] = None
            elif _is_worse(tables, table, cell) and (math.isnan(change) or abs(change) >= threshold):
                label = " ".join(filter(None, table.columns[column]))
                size = math.inf if math.isnan(change) else change
                found.append(Regression(table.rows[row], table.unit, label, size, float(tables.p[cell])))
    found.sort(key=lambda regression: -abs(regression.change))
    return found, list(unknown)


def _significant(tables: Tables, table: Table) -> npt.NDArray[np.bool_]:
    """Flag the places of a table's cells that differ from their baseline."""
    cells, center = table.cells, tables.summaries.center
    base = tables.baseline[cells]
    differs: npt.NDArray[np.bool_] = (
        (cells >= 0)
        & (base >= 0)
        & (tables.p[cells] <= tables.alpha[cells])
        & (center[cells] != center[base])
    )
    return differs


def _is_worse(tables: Tables, table: Table, cell: int) -> bool:
    old, new = (float(tables.summaries.center[c]) for c in (tables.baseline[cell], cell))
    return (new - old) * table.direction < 0
