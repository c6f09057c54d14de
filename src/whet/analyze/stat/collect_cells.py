"""From results to cells: every value finds the table, row and column that projections give it.

Results that agree in name, configuration and units are looked at once; values are moved as
arrays. Orders of appearance are those of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet.analyze.stat.facts import Facts, UnitName
from whet.analyze.stat.filter import Filter
from whet.analyze.stat.measurements import Measurements
from whet.analyze.stat.projection import Key, Projection
from whet.model.result import Results
from whet.units import tidy_unit

__all__ = ["Cells", "Labelled", "View", "collect_cells"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

FILE_KEY = ".file"


@dataclass(frozen=True, slots=True)
class Labelled:
    """The results of an input, and what `.file` is for them."""

    label: str
    results: Results


@dataclass(frozen=True, slots=True)
class View:
    """How results become tables.

    Attributes:
        table, row, column: projections; that of tables has `.unit`.
        residue: of everything they do not cover.
        keep: which values take part.
        untidy_zeros: leave values that tidying does not change in the unit as written, as
            benchstat does: 0 ns/op is then not in the table of sec/op.
    """

    table: Projection
    row: Projection
    column: Projection
    residue: Projection
    keep: Filter
    untidy_zeros: bool = False


@dataclass(slots=True)
class Cells:
    """The cells of all tables.

    Attributes:
        tables: for each table key its cells: (row key, column key) to the number of a set.
        measurements: the values of each cell.
        residues: the residue keys that were seen in a cell, where they are several.
        dropped: how many results the filter left out.
    """

    tables: dict[Key, dict[tuple[Key, Key], int]]
    measurements: Measurements
    residues: dict[int, set[Key]]
    dropped: int = 0


@dataclass(slots=True)
class _Collector:
    view: View
    tables: dict[Key, dict[tuple[Key, Key], int]] = field(default_factory=dict)
    # The first residue key of each cell, and all of those that have several.
    residue: list[Key] = field(default_factory=list)
    residues: dict[int, set[Key]] = field(default_factory=dict)

    def place(self, facts: Facts) -> list[int]:
        """Return the cell of each value of a result, -1 where a filter drops it."""
        mask = self.view.keep(facts)
        if mask is True:
            return self._cells(facts, tuple([unit.tidied for unit in facts.units]))
        if mask is False or not any(mask):
            return [-1] * len(facts.units)
        units = tuple(unit.tidied for unit, kept in zip(facts.units, mask, strict=True) if kept)
        cells = iter(self._cells(facts, units))
        return [next(cells) if kept else -1 for kept in mask]

    def _cells(self, facts: Facts, units: tuple[str, ...]) -> list[int]:
        view, cells = self.view, list[int]()
        tables = view.table.unit_keys(facts, units)
        place = view.row.key(facts), view.column.key(facts)
        residue = view.residue.key(facts)
        for key in tables:
            table = self.tables.get(key)
            if table is None:
                table = self.tables[key] = {}
            cell = table.get(place)
            if cell is None:
                cell = table[place] = len(self.residue)
                self.residue.append(residue)
            elif self.residue[cell] != residue:
                self.residues.setdefault(cell, {self.residue[cell]}).add(residue)
            cells.append(cell)
        return cells


def collect_cells(inputs: Iterable[Labelled], view: View) -> Cells:
    """Put the values of all inputs into cells."""
    collector = _Collector(view)
    cells: list[I64] = [np.empty(0, np.int64)]
    values: list[F64] = [np.empty(0)]
    dropped = 0
    settings = 0
    for one in inputs:
        units, number, tidied = _tidied(one.results, untidy_zeros=view.untidy_zeros)
        cell = _cells_of(one, units, number, collector, settings)
        settings += len(one.results.configurations)
        kept = cell >= 0
        dropped += int((np.add.reduceat(kept, one.results.value_start[:-1]) == 0).sum()) if len(cell) else 0
        cells.append(cell[kept])
        values.append(tidied[kept])
    measurements = Measurements.from_cells(
        np.concatenate(cells), np.concatenate(values), len(collector.residue)
    )
    return Cells(collector.tables, measurements, collector.residues, dropped)


def _tidied(results: Results, *, untidy_zeros: bool) -> tuple[list[UnitName], I64, F64]:
    """Return units by number, the number of each value's, and values in these units."""
    tidy = [tidy_unit(unit) for unit in results.units]
    factors = np.array([factor for _, factor in tidy], np.float64)
    units = [UnitName(t, u if f != 1.0 else "") for u, (t, f) in zip(results.units, tidy, strict=True)]
    number = results.unit.astype(np.int64)
    if not len(number):
        return units, number, results.value
    factor = factors[number]
    value = results.value * factor
    if untidy_zeros:
        # The second half of the numbers are the units as written.
        units += [UnitName(u, "") for u in results.units]
        number = np.where(value == results.value, number + len(tidy), number)
    return units, number, value


def _cells_of(one: Labelled, units: list[UnitName], number: I64, collector: _Collector, settings: int) -> I64:
    """Return the cell of every value of an input; so many settings were numbered before it."""
    results = one.results
    if not len(results):
        return np.empty(0, np.int64)
    counts = np.diff(results.value_start)
    kind = _kinds(results, number, counts, len(units))
    _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
    appearance = np.argsort(first)
    rank = np.empty(len(first), np.int64)
    rank[appearance] = np.arange(len(first))
    looked_up = [{**dict(keys), FILE_KEY: one.label} for keys in results.configurations]
    places: list[int] = []
    starts: list[int] = []
    for result in first[appearance].tolist():
        begin, end = int(results.value_start[result]), int(results.value_start[result + 1])
        configuration = int(results.configuration[result])
        facts = Facts(
            results.names[results.name[result]],
            one.label,
            results.configurations[configuration],
            looked_up[configuration],
            tuple([units[u] for u in number[begin:end].tolist()]),
            settings + configuration,
        )
        starts.append(len(places))
        places += collector.place(facts)
    begin_of = np.array(starts, np.int64)[rank[kind.reshape(-1)]]
    offset = np.arange(len(number)) - np.repeat(results.value_start[:-1], counts)
    result_cells: I64 = np.array(places, np.int64)[np.repeat(begin_of, counts) + offset]
    return result_cells


def _kinds(results: Results, number: I64, counts: I64, unit_count: int) -> I64:
    """Number results so that equal ones agree in name, configuration and units."""
    kind = results.configuration.astype(np.int64) * len(results.names) + results.name
    for at in range(int(counts.max())):
        has = counts > at
        unit = np.full(len(counts), unit_count, np.int64)
        unit[has] = number[results.value_start[:-1][has] + at]
        if (unit == unit[0]).all():
            continue
        kind = np.unique(kind, return_inverse=True)[1].reshape(-1) * (unit_count + 1) + unit
    return kind
