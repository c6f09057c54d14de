"""What cProfile found of a benchmark, as a list of functions."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

from whet.pytest_plugin.record import Record

__all__ = ["profile_lines"]

_KEYS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "ncalls_recursion": lambda row: row[1],
    "ncalls": lambda row: row[0],
    "tottime": lambda row: row[2],
    "tottime_per": lambda row: row[2] / max(row[0], 1),
    "cumtime": lambda row: row[3],
    "cumtime_per": lambda row: row[3] / max(row[1], 1),
    "function_name": lambda row: row[4],
}


def profile_lines(record: Record, option: Namespace) -> Iterator[str]:
    """Yield the functions that took most, sorted by the column that was asked for."""
    column = option.benchmark_cprofile or "cumtime"
    rows = [
        (calls, primitive, own, total, f"{path}:{line}({name})")
        for (path, line, name), (primitive, calls, own, total, _) in record.cprofile_stats.stats.items()
    ]
    rows.sort(key=_KEYS[column], reverse=column != "function_name")
    yield f"cProfile of {record.fixture.fullname}, times in s"
    yield "ncalls\ttottime\tpercall\tcumtime\tpercall\tfilename:lineno(function)"
    for calls, primitive, own, total, place in rows[: option.benchmark_cprofile_top]:
        shown = f"{calls}" if calls == primitive else f"{calls}/{primitive}"
        times = (own, own / max(calls, 1), total, total / max(primitive, 1))
        yield "\t".join([shown, *(f"{time_s:.4f}" for time_s in times), place])
