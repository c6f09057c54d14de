"""Why nothing is compared: columns that never meet, and what would bring them together.

Results meet where they agree in table and row. Two inputs of different machines are in different
tables, two with different `-N` in different rows; tables do not say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from whet.analyze.stat.table import Table, Tables

__all__ = ["GOMAXPROCS", "keys_that_part"]

GOMAXPROCS = "/gomaxprocs"
_PROCS = re.compile(r"-[0-9]+\Z")

# A row of a unit by its name, with a column that it is in.
_Place = tuple[str, str, tuple[str, ...]]


def keys_that_part(tables: Tables) -> list[str]:
    """Return the keys that keep all columns apart, to ignore; none where some meet, or never would."""
    if (tables.baseline >= 0).any():
        return []
    if _meet(tables, lambda row: row):
        return _differing(tables.tables)
    if _meet(tables, lambda row: _PROCS.sub("", row)):
        return [GOMAXPROCS, *_differing(tables.tables)]
    return []


def _meet(tables: Tables, name: Callable[[str], str]) -> bool:
    """Whether rows of one unit with the same name are in several columns."""
    seen: dict[tuple[str, str], tuple[str, ...]] = {}
    return any(
        seen.setdefault((unit, name(row)), column) != column for unit, row, column in _places(tables.tables)
    )


def _places(tables: list[Table]) -> Iterator[_Place]:
    for table in tables:
        for row, cells in zip(table.rows, table.cells.tolist(), strict=True):
            for column, cell in zip(table.columns, cells, strict=True):
                if cell >= 0:
                    yield table.unit, row, column


def _differing(tables: list[Table]) -> list[str]:
    """Return the keys in which tables of one unit differ."""
    values: dict[tuple[str, str], set[str]] = {}
    for table in tables:
        for key, value in table.heading:
            values.setdefault((table.unit, key), set()).add(value)
    return list(dict.fromkeys(key for (_, key), found in values.items() if len(found) > 1))
