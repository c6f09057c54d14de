"""Rows of a report as CSV (RFC 4180): one header line, values in base units, '' where unknown.

The columns are those of the JSON rows; nothing is computed here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["render_csv"]


def render_csv(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table."""
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    yield _line(list(columns))
    for row in rows:
        yield _line([row.get(column) for column in columns])


def _line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    return buffer.getvalue()
