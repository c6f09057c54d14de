"""Profiles of the Firefox Profiler: the processed format, and gecko's own.

Reads both, of one or many threads and processes, tables in each thread or shared, packed or
not; CPython 3.15's `--gecko` writes the processed one. Weights count samples (each worth the
interval), bytes or milliseconds. Writes the processed format with one sample type, read back
exactly. It cannot hold labels, addresses and start lines; thread names become labels.
Specification: github.com/firefox-devtools/profiler, docs-developer/processed-profile-format.md
and gecko-profile-format.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from whet._version import __version__
from whet.errors import FormatError
from whet.formats.text import (
    as_integer,
    as_list,
    as_object,
    as_text,
    decode_json,
    decode_location,
    encode_json,
    unpacked,
)
from whet.model.builder import ProfileBuilder
from whet.model.frames import frame_table, stacks
from whet.model.profile import Profile

__all__ = ["decode", "encode"]

_VERSION, _PROCESSED_VERSION = 32, 57
_COUNT, _TIME, _SPACE = ("samples", "count"), ("time", "nanoseconds"), ("space", "bytes")
_NS_PER_MS = 1_000_000

Type = tuple[str, str]
Table = dict[str, Any]


def decode(data: bytes) -> Profile:
    """Decode a processed or a gecko profile.

    Raises:
        FormatError: it does not follow the format; the error names the place.
    """
    document = as_object(decode_json(unpacked(data)), "the document")
    meta = as_object(document.get("meta"), "meta")
    threads = _threads(document, "")
    if not threads:
        raise FormatError("threads is empty")
    own = meta.get("profiledValue") if meta.get("product") == "whet" else None
    if own is not None:
        pair = as_list(own, "meta.profiledValue")
        types = (
            [(as_text(pair[0], "meta.profiledValue"), as_text(pair[-1], "meta.profiledValue"))]
            if pair
            else []
        )
        if not types:
            raise FormatError("meta.profiledValue is empty")
    else:
        types = list(dict.fromkeys(kind for where, thread, _ in threads for kind in _types(thread, where)))
    interval_ns = _milliseconds(meta.get("interval") or 0, "meta.interval")
    builder = ProfileBuilder(types)
    if own is None:
        builder.period_type, builder.period = _TIME, interval_ns
    for where, thread, shared in threads:
        labels = [("thread", str(thread.get("name", "")))] if len(threads) > 1 else []
        kinds = types if own is not None else _types(thread, where)
        columns = [types.index(kind) for kind in kinds]
        label_set, cells = builder.label_set(labels), [0] * len(types)
        for stack, weight in _Thread(builder, thread, shared, where).samples():
            for column, value in zip(columns, _values(kinds, weight, interval_ns, where), strict=True):
                cells[column] = value
            builder.add(stack, cells, label_set)
    return builder.build()


def encode(profile: Profile, index: int = 0) -> bytes:
    """Encode value column `index` as a processed profile of one thread."""
    kind, unit = profile.sample_type_names()[index]
    values = profile.samples.values[:, index].tolist()
    in_ms = unit == "nanoseconds"
    tables = _Tables()
    table = frame_table(profile)
    rows = [tables.frame(frame.name, frame.file, frame.line, frame.column) for frame in table.frames]
    leaves = [tables.stack([rows[frame] for frame in reversed(stack)]) for stack in stacks(profile, table)]
    samples = {
        "stack": leaves,
        "time": list(range(len(leaves))),
        "eventDelay": [None] * len(leaves),
        "weight": [value / _NS_PER_MS for value in values] if in_ms else values,
        "weightType": "tracing-ms" if in_ms else "bytes" if unit == "bytes" else "samples",
        "length": len(leaves),
    }
    return encode_json(tables.document(samples, [kind, unit], profile.time_nanos / _NS_PER_MS))


def _threads(document: Table, where: str) -> list[tuple[str, Table, Table]]:
    """Return (place, thread, shared tables) of all threads, those of child processes too."""
    shared = as_object(document.get("shared") or {}, f"{where}shared")
    found = []
    for i, thread in enumerate(as_list(document.get("threads"), f"{where}threads")):
        found.append((f"{where}threads[{i}]", as_object(thread, f"{where}threads[{i}]"), shared))
    for i, process in enumerate(as_list(document.get("processes") or [], f"{where}processes")):
        place = f"{where}processes[{i}]"
        if place.count("processes") > 4:
            raise FormatError("processes are nested too deep")
        found += _threads(as_object(process, place), f"{place}.")
    return found


def _types(thread: Table, where: str) -> list[Type]:
    samples = as_object(thread.get("samples"), f"{where}.samples")
    kind = samples.get("weightType") or "samples"
    known = {"samples": [_COUNT, _TIME], "tracing-ms": [_TIME], "bytes": [_SPACE]}
    if not isinstance(kind, str) or kind not in known:
        raise FormatError(
            f"{where}.samples.weightType {str(kind)[:40]!r} is unknown", hint=f"one of {', '.join(known)}"
        )
    return known[kind]


def _values(kinds: list[Type], weight: Any, interval_ns: int, where: str) -> list[int]:
    place = f"{where}.samples.weight"
    if kinds == [_COUNT, _TIME]:
        count = as_integer(weight, place)
        return [count, count * interval_ns]
    if kinds[0][1] == "nanoseconds":
        return [_milliseconds(weight, place)]
    return [as_integer(weight, place)]


def _milliseconds(value: Any, where: str) -> int:
    """Return nanoseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(f"{where} is not a number")
    return as_integer(value * _NS_PER_MS, where)


class _Thread:
    """The samples of one thread, its tables checked as they are used."""

    def __init__(self, builder: ProfileBuilder, thread: Table, shared: Table, where: str) -> None:
        self._builder, self._thread, self._shared, self._where = builder, thread, shared, where
        strings = thread.get("stringArray") or thread.get("stringTable") or shared.get("stringArray")
        self._strings = as_list(strings, f"{where}.stringArray")
        self._prefix, self._frame = self._stack_table()
        self._stacks: dict[int, int] = {}

    def samples(self) -> Iterator[tuple[int, Any]]:
        """Yield (the builder's number of the stack, weight) of each sample that has a stack."""
        stack, weight = self._column("samples", "stack"), self._column("samples", "weight", needed=False)
        if weight and len(weight) != len(stack):
            raise FormatError(f"{self._where}.samples has columns of different lengths")
        for leaf, amount in zip(stack, weight or itertools.repeat(1, len(stack)), strict=True):
            if leaf is not None:
                number = self._stacks.get(leaf) if type(leaf) is int else None
                yield self._stack(leaf) if number is None else number, amount

    def _stack(self, leaf: Any) -> int:
        at: int | None = self._index(leaf, len(self._frame), "samples.stack")
        rows = []
        while at is not None:
            rows.append(self._frame[at])
            at = self._prefix[at]
        number = self._stacks[leaf] = self._builder.stack(rows)
        return number

    def _stack_table(self) -> tuple[list[int | None], list[int]]:
        """Return each stack's prefix, which always comes earlier in the table, and location row."""
        prefix, frame = self._column("stackTable", "prefix"), self._column("stackTable", "frame")
        if len(prefix) != len(frame):
            raise FormatError(f"{self._where}.stackTable has columns of different lengths")
        rows = self._frame_rows()
        for at, before in enumerate(prefix):
            if before is not None:
                self._index(before, at, "stackTable.prefix")
        return prefix, [rows[self._index(f, len(rows), "stackTable.frame")] for f in frame]

    def _frame_rows(self) -> list[int]:
        table = self._table("frameTable")
        lines, columns = (
            self._column("frameTable", "line", needed=False),
            self._column("frameTable", "column", needed=False),
        )
        if "func" in table:
            functions = self._functions()
            places = [
                functions[self._index(f, len(functions), "frameTable.func")]
                for f in as_list(table["func"], "func")
            ]
        else:
            places = [decode_location(self._text(text)) for text in self._column("frameTable", "location")]
        rows = []
        for i, (name, file, line) in enumerate(places):
            given = _at(lines, i)
            number = as_integer(given, f"{self._where}.frameTable.line") if given is not None else line
            column = as_integer(_at(columns, i) or 0, f"{self._where}.frameTable.column")
            rows.append(self._builder.frame(name, file, number, column))
        return rows

    def _functions(self) -> list[tuple[str, str, int]]:
        files = self._column("funcTable", "fileName", needed=False)
        sources = self._column("funcTable", "source", needed=False)
        resources = self._column("funcTable", "resource", needed=False)
        result = []
        for i, name in enumerate(self._column("funcTable", "name")):
            file = (
                self._text(_at(files, i))
                or self._source(_at(sources, i))
                or self._resource(_at(resources, i))
            )
            result.append((self._text(name), file, 0))
        return result

    def _source(self, index: Any) -> str:
        names = self._column("sources", "filename", needed=False)
        return self._text(_at(names, index)) if index is not None and index != -1 else ""

    def _resource(self, index: Any) -> str:
        names = self._column("resourceTable", "name", needed=False)
        return self._text(_at(names, index)) if index is not None and index != -1 else ""

    def _text(self, index: Any) -> str:
        if index is None:
            return ""
        return as_text(
            self._strings[self._index(index, len(self._strings), "string")], f"{self._where}.stringArray"
        )

    def _table(self, name: str) -> Table:
        table = self._thread.get(name, self._shared.get(name))
        return as_object(table, f"{self._where}.{name}")

    def _column(self, table: str, name: str, *, needed: bool = True) -> list[Any]:
        if not needed and self._thread.get(table, self._shared.get(table)) is None:
            return []
        columns = self._table(table)
        where = f"{self._where}.{table}.{name}"
        if "schema" in columns and "data" in columns:
            at = as_object(columns["schema"], f"{where} schema").get(name)
            if at is None and not needed:
                return []
            at = self._index(at, 1000, f"{table}.schema")
            return [_at(as_list(row, where), at) for row in as_list(columns["data"], where)]
        column = columns.get(name)
        return [] if column is None and not needed else as_list(column, where)

    def _index(self, value: Any, size: int, what: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
            raise FormatError(f"{self._where}.{what} refers to row {str(value)[:40]} of {size}")
        return value


def _at(column: list[Any], index: Any) -> Any:
    return column[index] if isinstance(index, int) and 0 <= index < len(column) else None


def _empty_table(*columns: str) -> Table:
    return {**{name: [] for name in columns}, "length": 0}


class _Tables:
    """The tables of a thread that is being written."""

    def __init__(self) -> None:
        self._strings: dict[str, int] = {}
        self._functions: dict[tuple[str, str], int] = {}
        self._frames: list[tuple[int, int, int]] = []
        self._stacks: dict[tuple[int, int | None], int] = {}

    def frame(self, name: str, file: str, line: int, column: int) -> int:
        self._string(name), self._string(file)
        function = self._functions.setdefault((name, file), len(self._functions))
        self._frames.append((function, line, column))
        return len(self._frames) - 1

    def stack(self, frames: list[int]) -> int | None:
        """Return the row of a stack given root first."""
        row: int | None = None
        for frame in frames:
            row = self._stacks.setdefault((frame, row), len(self._stacks))
        return row

    def document(self, samples: Table, value: list[str], start_ms: float) -> Table:
        """Return the whole file."""
        thread = {
            "name": "/".join(value), "isMainThread": True, "processType": "default", "processName": "whet",
            "processStartupTime": 0, "processShutdownTime": None, "registerTime": 0, "unregisterTime": None,
            "pausedRanges": [], "pid": "0", "tid": 0, "samples": samples,
            "markers": _empty_table("data", "name", "startTime", "endTime", "phase", "category"),
            "stackTable": self._stack_table(), "frameTable": self._frame_table(),
            "funcTable": self._function_table(),
            "resourceTable": _empty_table("lib", "name", "host", "type"),
            "nativeSymbols": _empty_table("libIndex", "address", "name", "functionSize"),
        }  # fmt: skip
        meta = {
            "product": "whet", "importedFrom": f"whet {__version__}", "profiledValue": value, "interval": 1,
            "startTime": start_ms, "processType": 0, "stackwalk": 0, "symbolicated": True,
            "version": _VERSION, "preprocessedProfileVersion": _PROCESSED_VERSION, "markerSchema": [],
            "categories": [{"name": "Other", "color": "grey", "subcategories": ["Other"]}],
            "extensions": _empty_table("id", "name", "baseURL"),
        }  # fmt: skip
        shared = {"stringArray": list(self._strings), "sources": {"length": 0, "uuid": [], "filename": []}}
        return {"meta": meta, "libs": [], "pages": [], "shared": shared, "threads": [thread]}

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def _stack_table(self) -> Table:
        count = len(self._stacks)
        return {
            "frame": [frame for frame, _ in self._stacks], "prefix": [prefix for _, prefix in self._stacks],
            "category": [0] * count, "subcategory": [0] * count, "length": count,
        }  # fmt: skip

    def _frame_table(self) -> Table:
        count = len(self._frames)
        none = [None] * count
        return {
            "address": [-1] * count, "inlineDepth": [0] * count, "category": [0] * count,
            "subcategory": [0] * count, "func": [f for f, _, _ in self._frames], "nativeSymbol": none,
            "innerWindowID": [0] * count, "implementation": none, "optimizations": none,
            "line": [line or None for _, line, _ in self._frames],
            "column": [column or None for _, _, column in self._frames], "length": count,
        }  # fmt: skip

    def _function_table(self) -> Table:
        count = len(self._functions)
        none = [None] * count
        return {
            "name": [self._strings[name] for name, _ in self._functions],
            "fileName": [self._strings[file] if file else None for _, file in self._functions],
            "isJS": [False] * count, "relevantForJS": [False] * count, "resource": [-1] * count,
            "lineNumber": none, "columnNumber": none, "length": count,
        }  # fmt: skip
