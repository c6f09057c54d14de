"""Tables as one JSON document; docs/stat-json.schema.json describes it.

Numbers are as computed, not rounded; what is unknown or infinite is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from whet.analyze.stat.details import Details
from whet.analyze.stat.table import Table, Tables

__all__ = ["SCHEMA_VERSION", "render_json"]

SCHEMA_VERSION = 1


def render_json(tables: Tables, details: Details) -> Iterator[str]:
    """Yield the pieces of the document, a line for each row of a table."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "alpha": tables.levels.alpha,
        "confidence": tables.levels.confidence,
    }
    yield _encoded(head)[:-1] + ', "tables": ['
    for number, table in enumerate(tables.tables):
        yield ",\n" if number else "\n"
        yield from _table(tables, details, table)
    yield "\n]}\n"


def _encoded(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _table(tables: Tables, details: Details, table: Table) -> Iterator[str]:
    head = {
        "configuration": dict(table.heading),
        "unit": table.unit,
        "exact": table.exact,
        "better": {1: "higher", -1: "lower", 0: None}[table.direction],
        "column_keys": table.keys,
        "columns": [list(values) for values in table.columns],
        "geomean": [
            {"center": _number(s.mean), "ratio": _number(s.ratio), "warnings": s.warnings}
            for s in table.summary
        ],
    }
    yield _encoded(head)[:-1] + ', "rows": ['
    for number, (name, cells) in enumerate(zip(table.rows, table.cells.tolist(), strict=True)):
        record = {"name": name, "cells": [_cell(tables, details, c) if c >= 0 else None for c in cells]}
        yield (",\n  " if number else "\n  ") + _encoded(record)
    yield "]}"


def _cell(tables: Tables, details: Details, cell: int) -> dict[str, Any]:
    summaries, doubts = tables.summaries, details.doubts
    record: dict[str, Any] = {
        "values": [_number(v) for v in tables.measurements.observed(cell).tolist()],
        "center": _number(summaries.center[cell]),
        "low": _number(summaries.low[cell]),
        "high": _number(summaries.high[cell]),
        "warnings": tables.warnings.get(cell, []),
        "modes": [_number(x) for x in doubts.modes[cell]] if cell in doubts.modes else None,
        "drift": _number(doubts.drift[cell]) if cell in doubts.drift else None,
        "comparison": None,
    }
    if tables.baseline[cell] >= 0:
        record["comparison"] = _comparison(tables, details, cell)
    return record


def _comparison(tables: Tables, details: Details, cell: int) -> dict[str, Any]:
    return {
        "p": None if tables.alpha[cell] == 0 and tables.p[cell] == 0 else _number(tables.p[cell]),
        "p_holm": _number(details.holm[cell]),
        "p_bh": _number(details.bh[cell]),
        "significant": bool(tables.p[cell] <= tables.alpha[cell]),
        "ratio": _number(details.ratio[cell]),
        "ratio_low": _number(details.low[cell]),
        "ratio_high": _number(details.high[cell]),
        "detectable": _number(details.detectable[cell]),
        "warnings": tables.comparison_warnings.get(cell, []),
    }


def _number(value: float | np.floating[Any]) -> float | None:
    return float(value) if math.isfinite(value) else None
