"""profile.proto <-> columns in plain Python: the twin and oracle of native/codec.

Columns are a flat dict keyed by the path of the field in `model.profile.Profile`
("samples.labels.key"); this floor does not know the model itself. Decoding is strict: every
fault that pprof's reader refuses is refused here, with the byte offset where it was seen, or,
for faults that only show when everything was read, with the row.
Specification: github.com/google/pprof, proto/profile.proto.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from whet.errors import FormatError
from whet.kernels.reference.wire import (
    BYTES,
    VARINT,
    fields,
    packed,
    varint,
    write_varint,
)

__all__ = ["STRING_COLUMNS", "Columns", "decode", "encode"]

Columns = dict[str, Any]

_MAX_STRING_INDEX = (1 << 31) - 1
_PACKED_FROM = 3
# A profile has a handful; lists of hostile length would cost more memory than their text.
_MAX_SAMPLE_TYPES = 1 << 16
_MAX_COMMENTS = 1 << 16

# Every column of string indices, in the order in which they are checked.
STRING_COLUMNS = (
    "samples.labels.key",
    "samples.labels.text",
    "samples.labels.unit",
    "mappings.filename",
    "mappings.build_id",
    "functions.name",
    "functions.system_name",
    "functions.filename",
    "comments",
)
_STRING_SCALARS = ("drop_frames", "keep_frames", "default_sample_type", "doc_url")


def decode(blocks: Iterable[bytes]) -> Columns:
    """Decode an uncompressed profile that arrives in blocks.

    Raises:
        FormatError: the message is malformed or inconsistent.
    """
    data = b"".join(blocks)
    if not data:
        raise FormatError("empty input")
    decoder = _Decoder(data)
    decoder.top_level()
    return decoder.finish()


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


class _Table:
    """A table under construction: one array a column, and the row of every id."""

    def __init__(self, kind: str, columns: dict[str, str]) -> None:
        self.kind = kind
        self.columns = {name: array(code) for name, code in columns.items()}
        self.rows: dict[int, int] = {}

    def add(self, offset: int, values: dict[str, int]) -> None:
        row_id = values["id"]
        if row_id == 0:
            raise FormatError(f"{self.kind} with the reserved id 0", offset=offset)
        if row_id in self.rows:
            raise FormatError(f"second {self.kind} with id {row_id}", offset=offset)
        self.rows[row_id] = len(self.rows)
        for name, column in self.columns.items():
            column.append(values[name])


_MAPPING = (
    ("id", "Q"),
    ("memory_start", "Q"),
    ("memory_limit", "Q"),
    ("file_offset", "Q"),
    ("filename", "i"),
    ("build_id", "i"),
    ("has_functions", "B"),
    ("has_filenames", "B"),
    ("has_line_numbers", "B"),
    ("has_inline_frames", "B"),
)
_FUNCTION = (
    ("id", "Q"),
    ("name", "i"),
    ("system_name", "i"),
    ("filename", "i"),
    ("start_line", "q"),
)
_LABEL = (("key", "i"), ("text", "i"), ("number", "q"), ("unit", "i"))
_LINE = (("line_function", "Q"), ("line", "q"), ("column", "q"))
_DTYPES = {"Q": np.uint64, "q": np.int64, "i": np.int32, "B": np.bool_}


def _scalar(message: str, number: int, code: str, wire: int, value: int, offset: int) -> int:
    """Check and convert one singular field; code is an array typecode, 'i' = string index."""
    if wire != VARINT:
        raise FormatError(f"{message} field {number} has wire type {wire}", offset=offset)
    if code == "i":
        if value > _MAX_STRING_INDEX:
            raise FormatError(f"string index {_signed(value)} is out of range", offset=offset)
        return value
    if code == "q":
        return _signed(value)
    return int(value != 0) if code == "B" else value


def _array(values: array[int]) -> np.ndarray[Any, Any]:
    return (
        np.frombuffer(values, _DTYPES[values.typecode]) if values else np.zeros(0, _DTYPES[values.typecode])
    )


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.strings: list[bytes] = []
        self.sample_type: list[tuple[int, int]] = []
        self.period_type: tuple[int, int] | None = None
        self.stack_start, self.stack = array("q", [0]), array("Q")
        self.values, self.width = array("q"), 0
        self.label_start = array("q", [0])
        self.labels = {name: array(code) for name, code in _LABEL}
        self.mappings = _Table("mapping", dict(_MAPPING))
        self.functions = _Table("function", dict(_FUNCTION))
        self.locations = _Table("location", {"id": "Q", "mapping": "Q", "address": "Q", "is_folded": "B"})
        self.line_start = array("q", [0])
        self.lines = {name: array(code) for name, code in _LINE}
        self.comments = array("i")
        self.scalars = dict.fromkeys((name for name, _ in _PROFILE_SCALARS.values()), 0)

    def top_level(self) -> None:
        messages: dict[int, Callable[[int, int, int], None]] = {
            1: self._sample_type,
            2: self._sample,
            3: self._mapping,
            4: self._location,
            5: self._function,
            6: self._string,
            11: self._period_type,
        }
        for offset, number, wire, a, b in fields(self.data, 0, len(self.data)):
            if number in messages:
                if wire != BYTES:
                    raise FormatError(f"profile field {number} has wire type {wire}", offset=offset)
                messages[number](offset, a, b)
            elif number == 13:
                self._comment(offset, wire, a, b)
            elif number in _PROFILE_SCALARS:
                name, code = _PROFILE_SCALARS[number]
                value = _scalar("profile", number, code, wire, a, offset)
                if name == "time_nanos" and self.scalars[name]:
                    raise FormatError("second time_nanos: several profiles in one file", offset=offset)
                self.scalars[name] = value

    def _singular(self, message: str, spec: Sequence[tuple[str, str]], at: int, end: int) -> dict[str, int]:
        """Decode a message whose fields 1, 2, ... are the singular ones of `spec`."""
        values = dict.fromkeys((name for name, _ in spec), 0)
        for offset, number, wire, a, _ in fields(self.data, at, end):
            if 0 < number <= len(spec):
                name, code = spec[number - 1]
                values[name] = _scalar(message, number, code, wire, a, offset)
        return values

    def _value_type(self, at: int, end: int) -> tuple[int, int]:
        pair = self._singular("value type", (("type", "i"), ("unit", "i")), at, end)
        return pair["type"], pair["unit"]

    def _sample_type(self, offset: int, at: int, end: int) -> None:
        self.sample_type.append(self._value_type(at, end))
        if len(self.sample_type) > _MAX_SAMPLE_TYPES:
            raise FormatError(f"more than {_MAX_SAMPLE_TYPES} sample types", offset=offset)

    def _period_type(self, _offset: int, at: int, end: int) -> None:
        self.period_type = self._value_type(at, end)

    def _repeated(self, message: str, number: int, wire: int, a: int, b: int, offset: int) -> list[int]:
        if wire == BYTES:
            return packed(self.data, a, b)
        if wire != VARINT:
            raise FormatError(f"{message} field {number} has wire type {wire}", offset=offset)
        return [a]

    def _sample(self, offset: int, at: int, end: int) -> None:
        width = 0
        for key_at, number, wire, a, b in fields(self.data, at, end):
            if number == 1:
                self.stack.extend(self._repeated("sample", 1, wire, a, b, key_at))
            elif number == 2:
                values = self._repeated("sample", 2, wire, a, b, key_at)
                width += len(values)
                self.values.extend(map(_signed, values))
            elif number == 3:
                if wire != BYTES:
                    raise FormatError(f"sample field 3 has wire type {wire}", offset=key_at)
                label = self._singular("label", _LABEL, a, b)
                if any(label.values()):  # else it says nothing
                    for name, value in label.items():
                        self.labels[name].append(value)
        if not width:
            raise FormatError("sample without values", offset=offset)
        if width != self.width and self.width:
            raise FormatError(f"sample of {width} values after samples of {self.width}", offset=offset)
        self.width = width
        self.stack_start.append(len(self.stack))
        self.label_start.append(len(self.labels["key"]))

    def _mapping(self, offset: int, at: int, end: int) -> None:
        self.mappings.add(offset, self._singular("mapping", _MAPPING, at, end))

    def _function(self, offset: int, at: int, end: int) -> None:
        self.functions.add(offset, self._singular("function", _FUNCTION, at, end))

    def _location(self, offset: int, at: int, end: int) -> None:
        spec = {
            1: ("id", "Q"),
            2: ("mapping", "Q"),
            3: ("address", "Q"),
            5: ("is_folded", "B"),
        }
        values = {name: 0 for name, _ in spec.values()}
        for key_at, number, wire, a, b in fields(self.data, at, end):
            if number in spec:
                name, code = spec[number]
                values[name] = _scalar("location", number, code, wire, a, key_at)
            elif number == 4:
                if wire != BYTES:
                    raise FormatError(f"location field 4 has wire type {wire}", offset=key_at)
                line = self._singular("line", _LINE, a, b)
                if not line["line_function"]:
                    raise FormatError("line without a function", offset=key_at)
                for name, value in line.items():
                    self.lines[name].append(value)
        self.locations.add(offset, values)
        self.line_start.append(len(self.lines["line"]))

    def _string(self, offset: int, at: int, end: int) -> None:
        if not self.strings and at != end:
            raise FormatError("string_table[0] is not empty", offset=offset)
        self.strings.append(self.data[at:end])

    def _comment(self, offset: int, wire: int, a: int, b: int) -> None:
        if wire != BYTES:
            self._add_comment(offset, wire, a)
            return
        while a < b:
            value, after = varint(self.data, a, b)
            self._add_comment(a, VARINT, value)
            a = after

    def _add_comment(self, offset: int, wire: int, value: int) -> None:
        self.comments.append(_scalar("profile", 13, "i", wire, value, offset))
        if len(self.comments) > _MAX_COMMENTS:
            raise FormatError(f"more than {_MAX_COMMENTS} comments", offset=offset)

    def finish(self) -> Columns:
        """Check what needs the whole input and return the columns."""
        if not self.strings:
            raise FormatError("no string table")
        n = len(self.stack_start) - 1
        if n and self.width != len(self.sample_type):
            raise FormatError(f"samples of {self.width} values, but {len(self.sample_type)} sample types")
        columns: Columns = {
            "sample_type": self.sample_type,
            "period_type": self.period_type,
            "comments": list(self.comments),
            "samples.stack_start": _array(self.stack_start),
            "samples.stack": self._stack_rows(),
            "samples.values": _array(self.values).reshape(n, len(self.sample_type)),
            "samples.label_start": _array(self.label_start),
            "locations.line_start": _array(self.line_start),
            **{f"samples.labels.{k}": _array(v) for k, v in self.labels.items()},
            **{f"mappings.{k}": _array(v) for k, v in self.mappings.columns.items()},
            **{f"functions.{k}": _array(v) for k, v in self.functions.columns.items()},
            **{f"locations.{k}": _array(v) for k, v in self.locations.columns.items()},
            **{f"locations.{k}": _array(v) for k, v in self.lines.items()},
            **self.scalars,
        }
        columns["locations.mapping"] = self._mapping_rows()
        columns["locations.line_function"] = self._function_rows()
        _check_strings(columns, len(self.strings))
        start = np.zeros(len(self.strings) + 1, np.int64)
        np.cumsum([len(s) for s in self.strings], out=start[1:])
        columns["strings.blob"] = np.frombuffer(b"".join(self.strings), np.uint8)
        columns["strings.start"] = start
        return columns

    def _stack_rows(self) -> np.ndarray[Any, Any]:
        row_of = self.locations.rows
        try:
            return np.array([row_of[i] for i in self.stack], np.int32)
        except KeyError as missing:
            place = self.stack.index(missing.args[0])
            sample = int(np.searchsorted(_array(self.stack_start), place, "right")) - 1
            raise FormatError(
                f"sample {sample} has location id {missing.args[0]}, which does not exist"
            ) from None

    def _mapping_rows(self) -> np.ndarray[Any, Any]:
        """A location of an unknown mapping has none, as in pprof."""
        row_of = self.mappings.rows
        return np.array([row_of.get(i, -1) for i in self.locations.columns["mapping"]], np.int32)

    def _function_rows(self) -> np.ndarray[Any, Any]:
        row_of = self.functions.rows
        wanted = self.lines["line_function"]
        try:
            return np.array([row_of[i] for i in wanted], np.int32)
        except KeyError as missing:
            place = wanted.index(missing.args[0])
            row = int(np.searchsorted(_array(self.line_start), place, "right")) - 1
            raise FormatError(
                f"location {row} has function id {missing.args[0]}, which does not exist"
            ) from None


_PROFILE_SCALARS = {
    7: ("drop_frames", "i"),
    8: ("keep_frames", "i"),
    9: ("time_nanos", "q"),
    10: ("duration_nanos", "q"),
    12: ("period", "q"),
    14: ("default_sample_type", "i"),
    15: ("doc_url", "i"),
}


def _check_strings(columns: Columns, count: int) -> None:
    """Check all string indices against the number of strings."""
    pairs = [("sample_type", columns["sample_type"])]
    if columns["period_type"] is not None:
        pairs.append(("period_type", [columns["period_type"]]))
    for name, types in pairs:
        for row, (kind, unit) in enumerate(types):
            _check_string(name, row, kind, count)
            _check_string(name, row, unit, count)
    for name in STRING_COLUMNS:
        column = np.asarray(columns[name], np.int64)
        beyond = np.flatnonzero(column >= count)
        if beyond.size:
            _check_string(name, int(beyond[0]), int(column[beyond[0]]), count)
    for name in _STRING_SCALARS:
        _check_string(name, 0, columns[name], count)


def _check_string(name: str, row: int, index: int, count: int) -> None:
    if index >= count:
        raise FormatError(f"{name}[{row}] is string {index} of {count}")


def encode(columns: Columns) -> bytes:
    """Encode columns as an uncompressed profile.proto message, as pprof's writer lays it out."""
    out = bytearray()
    for pair in columns["sample_type"]:
        _put_bytes(out, 1, _numbers(pair))
    _put_samples(out, columns)
    _put_table(out, 3, columns, "mappings", _MAPPING)
    _put_locations(out, columns)
    _put_table(out, 5, columns, "functions", _FUNCTION)
    blob, start = columns["strings.blob"].tobytes(), columns["strings.start"].tolist()
    for begin, end in itertools.pairwise(start):
        _put_bytes(out, 6, blob[begin:end])
    for number in (7, 8, 9, 10):
        _put(out, number, columns[_PROFILE_SCALARS[number][0]])
    if columns["period_type"] is not None:
        _put_bytes(out, 11, _numbers(columns["period_type"]))
    _put(out, 12, columns["period"])
    _put_repeated(out, 13, columns["comments"])
    write_varint(out, 14 << 3)
    write_varint(out, columns["default_sample_type"])
    _put(out, 15, columns["doc_url"])
    return bytes(out)


def _put(out: bytearray, number: int, value: int) -> None:
    if value:
        write_varint(out, number << 3)
        write_varint(out, value)


def _put_bytes(out: bytearray, number: int, content: bytes | bytearray) -> None:
    write_varint(out, number << 3 | BYTES)
    write_varint(out, len(content))
    out += content


def _put_repeated(out: bytearray, number: int, values: Sequence[int]) -> None:
    if len(values) < _PACKED_FROM:
        for value in values:
            write_varint(out, number << 3)
            write_varint(out, value)
        return
    content = bytearray()
    for value in values:
        write_varint(content, value)
    _put_bytes(out, number, content)


def _numbers(values: Iterable[int]) -> bytearray:
    """Encode a message whose fields 1, 2, ... are the given numbers."""
    out = bytearray()
    for number, value in enumerate(values, 1):
        _put(out, number, value)
    return out


def _put_table(
    out: bytearray,
    number: int,
    columns: Columns,
    table: str,
    spec: Sequence[tuple[str, str]],
) -> None:
    for row in zip(*(columns[f"{table}.{name}"].tolist() for name, _ in spec), strict=True):
        _put_bytes(out, number, _numbers(row))


def _put_samples(out: bytearray, columns: Columns) -> None:
    ids = columns["locations.id"]
    stack = ids[columns["samples.stack"]].tolist() if len(ids) else []
    stack_start = columns["samples.stack_start"].tolist()
    label_start = columns["samples.label_start"].tolist()
    labels = list(zip(*(columns[f"samples.labels.{n}"].tolist() for n, _ in _LABEL), strict=True))
    for row, values in enumerate(columns["samples.values"].tolist()):
        body = bytearray()
        _put_repeated(body, 1, stack[stack_start[row] : stack_start[row + 1]])
        _put_repeated(body, 2, values)
        for label in labels[label_start[row] : label_start[row + 1]]:
            _put_bytes(body, 3, _numbers(label))
        _put_bytes(out, 2, body)


def _put_locations(out: bytearray, columns: Columns) -> None:
    mapping_ids = [
        *columns["mappings.id"].tolist(),
        0,
    ]  # row -1 has id 0, which is not written
    function_ids = columns["functions.id"].tolist()
    line_start = columns["locations.line_start"].tolist()
    lines = list(zip(*(columns[f"locations.{name}"].tolist() for name, _ in _LINE), strict=True))
    names = ("id", "mapping", "address", "is_folded")
    table = zip(*(columns[f"locations.{name}"].tolist() for name in names), strict=True)
    for row, (row_id, mapping, address, is_folded) in enumerate(table):
        body = _numbers((row_id, mapping_ids[mapping], address))
        for function, line, column in lines[line_start[row] : line_start[row + 1]]:
            _put_bytes(body, 4, _numbers((function_ids[function], line, column)))
        _put(body, 5, is_folded)
        _put_bytes(out, 4, body)
