"""Grouping, sorting and naming for the table of statistics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from whet.pytest_plugin.options import COLUMNS
from whet.pytest_plugin.record import Record
from whet.render.bench.table import LEGEND, best_unit, table_lines

__all__ = ["is_wanted", "lines"]

_OPTIONS = ("sort", "group_by", "columns", "name", "time_unit")


def is_wanted(config: pytest.Config) -> bool:
    """Say whether an option of the table was given."""
    return any(getattr(config.option, f"benchmark_{name}") is not None for name in _OPTIONS)


def lines(records: list[Record], config: pytest.Config) -> Iterator[str]:
    """Yield the table of each group."""
    option = config.option
    group_by = option.benchmark_group_by or "group"
    groups = config.hook.pytest_benchmark_group_stats(config=config, benchmarks=records, group_by=group_by)
    order = option.benchmark_sort or "min"
    for title, members in groups if groups is not None else _groups(records, group_by):
        members = sorted(members, key=lambda record: record[order])
        unit = option.benchmark_time_unit or "auto"
        yield from table_lines(
            title or "",
            [_name(record, option.benchmark_name or "normal") for record in members],
            [{**record.stats.as_dict(), "iterations": record.iterations} for record in members],
            option.benchmark_columns or COLUMNS,
            best_unit(min(record.stats.min for record in members)) if unit == "auto" else unit,
        )
        yield ""
    yield from LEGEND


def _groups(records: list[Record], group_by: str) -> list[tuple[str, list[Record]]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        label = " ".join(filter(None, (_label(record, part) for part in group_by.split(","))))
        found.setdefault(label, []).append(record)
    return sorted(found.items())


def _label(record: Record, by: str) -> str:
    kind, _, parameter = by.partition(":")
    if parameter:
        return f"{parameter}={(record.params or {}).get(parameter)}"
    labels = {
        "group": record.group,
        "name": record.fixture.name,
        "func": record.fixture.name.partition("[")[0],
        "fullname": record.fixture.fullname,
        "fullfunc": record.fixture.fullname.partition("[")[0],
        "param": record.param,
    }
    return labels[kind] or ""


def _name(record: Record, form: str) -> str:
    if form == "long":
        return record.fixture.fullname
    return record.fixture.name.removeprefix("test_") if form == "short" else record.fixture.name
