"""pstats files of cProfile, profile and CPython 3.15's `--pstats`.

pstats has no stacks: it knows each function's own and cumulative time and the cumulative
time of each caller-callee pair. Read as a flow from callers to callees, these decompose into
paths, which are the stacks of the result: own time is always exact, cumulative time is where
functions do not call each other in circles. The profile's comments say so, with the largest
deviation. Sample types: calls (flat only is meaningful) and time.
Format: CPython, Lib/pstats.py and Lib/cProfile.py; read without `marshal`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from whet.errors import FormatError
from whet.formats.marshal_reader import read_marshal
from whet.formats.text import unpacked
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

__all__ = ["decode"]

_NS_PER_S = 1_000_000_000
_MAX_DEPTH = 1000
Function = tuple[str, int, str]


@dataclass(slots=True)
class _Entry:
    """A function: calls, own and cumulative ns, and ns left of what each caller spent in it."""

    calls: int
    own_ns: int
    cum_ns: int
    callers: dict[Function, int] = field(default_factory=dict)


def decode(data: bytes) -> Profile:
    """Decode a pstats file.

    Raises:
        FormatError: it is damaged or no pstats file.
    """
    entries = _entries(read_marshal(unpacked(data)))
    builder = ProfileBuilder([("calls", "count"), ("time", "nanoseconds")])
    rows = {f: builder.location(builder.function(f[2], f[0], f[1]), f[1]) for f in entries}
    through: dict[Function, int] = dict.fromkeys(entries, 0)
    # Deep leaves first: what they leave of their callers' budgets is for the others.
    for function in entries:
        entry = entries[function]
        calls, left = entry.calls, entry.own_ns
        while True:
            path, amount = _path(entries, function, left)
            for passed in path:
                through[passed] += amount
            builder.sample([rows[f] for f in path], [calls, amount])
            calls, left = 0, left - amount
            if left <= 0:
                break
    worst = max((abs(entries[f].cum_ns - ns) for f, ns in through.items()), default=0)
    builder.comments = [
        "stacks are reconstructed from pstats' table of callers",
        f"largest deviation of a function's cumulative time: {worst} ns",
    ]
    builder.default_sample_type = "time"
    return builder.build()


def _path(entries: dict[Function, _Entry], leaf: Function, left: int) -> tuple[list[Function], int]:
    """Follow the largest budgets up from `leaf`; return the path and how much flows along it."""
    path, amount, seen = [leaf], left, {leaf}
    edges: list[tuple[dict[Function, int], Function]] = []
    while len(path) < _MAX_DEPTH:
        callers = entries[path[-1]].callers
        best = max(
            (c for c in callers if c not in seen and callers[c] > 0), key=callers.__getitem__, default=None
        )
        if best is None:
            break
        edges.append((callers, best))
        amount = min(amount, callers[best])
        path.append(best)
        seen.add(best)
    for callers, caller in edges:
        callers[caller] -= amount
    return path, amount


def _entries(table: Any) -> dict[Function, _Entry]:
    if not isinstance(table, dict):
        raise FormatError("not a table of functions")
    entries: dict[Function, _Entry] = {}
    for key, row in table.items():
        if key == "__sampled__" or key == ("__sampled__",):  # CPython 3.15 marks its files so
            continue
        function = _function(key)
        if not isinstance(row, tuple) or len(row) != 5 or not isinstance(row[4], dict):
            raise FormatError(f"{function[2][:60]!r} has no row of calls, times and callers")
        _, calls, own, cum, callers = row
        entry = _Entry(_integer(calls, function), _nanoseconds(own, function), _nanoseconds(cum, function))
        entry.callers = _callers(callers, entry, function)
        entries[function] = entry
    for entry in list(entries.values()):
        for caller in entry.callers:
            entries.setdefault(caller, _Entry(0, 0, 0))
    return entries


def _callers(table: dict[Any, Any], entry: _Entry, function: Function) -> dict[Function, int]:
    """Return ns for each caller; files of `profile` have calls only, which share the time out."""
    result: dict[Function, int] = {}
    all_calls = sum(row for row in table.values() if isinstance(row, int))
    for key, row in table.items():
        caller = _function(key)
        if isinstance(row, tuple) and len(row) == 4:
            result[caller] = _nanoseconds(row[3], function)
        else:
            calls = _integer(row, function)
            result[caller] = entry.cum_ns * calls // all_calls if all_calls > 0 else 0
    return result


def _function(key: Any) -> Function:
    match key:
        case (str(file), int(line), str(name)) if abs(line) < 1 << 62:
            return ("" if file == "~" else file, line, name)
    raise FormatError(f"{str(key)[:60]!r} is not (file, line, name)")


def _integer(value: Any, function: Function) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise FormatError(f"{function[2][:60]!r} has calls that are not a count")
    return value


def _nanoseconds(value: Any, function: Function) -> int:
    if not isinstance(value, int | float) or not math.isfinite(value) or not abs(value) < 1 << 33:
        raise FormatError(f"{function[2][:60]!r} has a time that is not a number of seconds")
    return max(round(value * _NS_PER_S), 0)
