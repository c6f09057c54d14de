"""Go's benchmark format: read as a stream of blocks, written as lines.

Specified by https://go.dev/design/14313-benchmark-format; where that leaves room, this reads
what x/perf's benchfmt reads. What cannot be read is a problem with its line, and reading goes
on. Kernels take plain result lines (nearly all of a large file); every other line is judged
here. Unlike benchfmt, lines may be of any length, a byte order mark and UTF-16 are
understood, and a value that is not a number is dropped and said.
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.formats.numbers import format_float, parse_float
from whet.kernels.reference.results import ScannedResults
from whet.model.result import Configuration, Problem, Result, Results, UnitMetadata

__all__ = ["Reader", "decode", "encode", "read", "wide_encoding"]

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_BLOCK_BYTES = 1 << 22
_HEAD_BYTES = 512
# What Go's unicode.IsSpace accepts, which is less than str.split does.
_SPACE = re.compile("[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_MOST_INT64 = (1 << 63) - 1


class Reader:
    """Turns blocks of one input into `Results`.

    Args:
        source: the name of the input, for problems.
        units: what earlier inputs said about units; what this one says is added.
    """

    def __init__(self, source: str, units: UnitMetadata | None = None) -> None:
        self.source = source
        self._units = units if units is not None else UnitMetadata()
        self._head = b""
        self._rest = b""
        self._started = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._lines = 0
        self._state: list[tuple[str, str]] = []
        self._epochs: list[tuple[int, Configuration]] = [(0, ())]
        self._columns = _Columns()
        self._problems: list[Problem] = []

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the input."""
        if not self._started:
            self._head += block
            if len(self._head) < _HEAD_BYTES:
                return
            block = self._begun()
        self._take(block if self._decoder is None else _utf8(self._decoder.decode(block)))

    def finish(self) -> Results:
        """Take the last line and return everything."""
        if not self._started:
            block = self._begun()
            self._take(block if self._decoder is None else _utf8(self._decoder.decode(block)))
        if self._decoder is not None:
            self._rest += _utf8(self._decoder.decode(b"", True))
        if self._rest:
            self._scan(self._rest)
        return self._columns.finish(self.source, self._epochs, self._problems)

    def _begun(self) -> bytes:
        """Find out the encoding; return the bytes that were kept for that."""
        self._started = True
        encoding = wide_encoding(self._head)
        if encoding:
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        return self._head.removeprefix(codecs.BOM_UTF8)

    def _take(self, data: bytes) -> None:
        cut = data.rfind(b"\n") + 1
        if cut == 0:
            self._rest += data
        else:
            self._scan(self._rest + data[:cut])
            self._rest = data[cut:]

    def _scan(self, data: bytes) -> None:
        found = kernels.scan_results(data)
        self._columns.add(found, self._lines)
        places = zip(
            found.other_line.tolist(), found.other_start.tolist(), found.other_end.tolist(), strict=True
        )
        for line, start, end in places:
            self._judge(data[start:end].decode("utf-8", "surrogateescape"), self._lines + line + 1)
        self._lines += found.lines

    def _judge(self, text: str, line: int) -> None:
        if text.startswith("Benchmark"):
            self._result(text.removeprefix("Benchmark"), line)
        elif text[0] == "U" and (fields := _SPACE.split(text))[0] == "Unit":
            self._unit([f for f in fields[1:] if f], line)
        else:
            pair = _key_value(text)
            if pair is not None:
                self._configure(*pair, line)

    def _problem(self, message: str, line: int, *, loses_data: bool = True) -> None:
        self._problems.append(Problem(self.source, line, message, loses_data))

    def _result(self, text: str, line: int) -> None:
        fields = _SPACE.split(text)
        if len(fields) == 1:
            return  # `go test -v` says which benchmark begins
        try:
            iterations = _iterations(fields[1])
            pairs = _measurements(fields[2:])
        except ValueError as problem:
            self._problem(str(problem), line)
            return
        for _, unit in [pair for pair in pairs if math.isnan(pair[0])]:
            self._problem(f"value of {unit} is not a number", line)
        kept = [(value, unit) for value, unit in pairs if not math.isnan(value)]
        if kept:
            self._columns.add_one(fields[0], iterations, kept, line)

    def _unit(self, fields: list[str], line: int) -> None:
        if not fields:
            self._problem("missing unit", line, loses_data=False)
            return
        for pair in fields[1:]:
            key, given, value = pair.partition("=")
            if not given or not key:
                self._problem("expected key=value", line, loses_data=False)
                continue
            have = self._units.set(fields[0], key, value)
            if have:
                self._problem(
                    f"metadata {key} of unit {fields[0]} already set to {have}", line, loses_data=False
                )

    def _configure(self, key: str, value: str, line: int) -> None:
        """Set a key, or delete it where the value is empty; the last key takes its place, as in benchfmt."""
        keys = [k for k, _ in self._state]
        if key in keys:
            at = keys.index(key)
            if value:
                self._state[at] = (key, value)
            else:
                self._state[at] = self._state[-1]
                self._state.pop()
        elif value:
            self._state.append((key, value))
        self._epochs.append((line, tuple(self._state)))


# line, name, iterations, values in each result; value, unit
_Block = tuple[I64, I32, I64, I64, F64, I32]


class _Columns:
    """Results while they are read: scanned blocks, and the odd ones."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.units: dict[str, int] = {}
        self.blocks: list[_Block] = []
        self.odd: list[tuple[int, int, int]] = []
        self.odd_values: list[list[tuple[float, int]]] = []

    def add(self, found: ScannedResults, lines_before: int) -> None:
        name = _renumbered(found.name, found.names, self.names)
        unit = _renumbered(found.unit, found.units, self.units)
        counts = np.diff(found.value_start)
        self.blocks.append(
            (found.line + (lines_before + 1), name, found.iterations, counts, found.value, unit)
        )

    def add_one(self, name: str, iterations: int, values: list[tuple[float, str]], line: int) -> None:
        self.odd.append((line, self.names.setdefault(name, len(self.names)), iterations))
        self.odd_values.append([(v, self.units.setdefault(u, len(self.units))) for v, u in values])

    def finish(
        self, source: str, epochs: list[tuple[int, Configuration]], problems: list[Problem]
    ) -> Results:
        odd = np.array(self.odd, np.int64).reshape(-1, 3)
        odd_values = np.array([v for vs in self.odd_values for v, _ in vs], np.float64)
        odd_units = np.array([u for vs in self.odd_values for _, u in vs], np.int32)
        odd_counts = np.array([len(vs) for vs in self.odd_values], np.int64)
        self.blocks.append(
            (odd[:, 0], odd[:, 1].astype(np.int32), odd[:, 2], odd_counts, odd_values, odd_units)
        )
        whole = cast("_Block", tuple(np.concatenate(c) for c in zip(*self.blocks, strict=True)))
        line, name, iterations, counts, value, unit = _in_order(whole) if self.odd else whole
        configurations: dict[Configuration, int] = {}
        numbers = np.array(
            [configurations.setdefault(state, len(configurations)) for _, state in epochs], np.int32
        )
        starts = np.array([start for start, _ in epochs], np.int64)
        return Results(
            source=source,
            names=list(self.names),
            configurations=list(configurations),
            units=list(self.units),
            name=name,
            configuration=numbers[np.searchsorted(starts, line, side="right") - 1],
            iterations=iterations,
            line=line,
            value_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            value=value,
            unit=unit,
            problems=problems,
        )


def _in_order(block: _Block) -> _Block:
    """Put results into the order of their lines."""
    line, name, iterations, counts, value, unit = block
    order = np.argsort(line, kind="stable")
    starts = np.cumsum(counts) - counts
    wanted = counts[order]
    offsets = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    places = np.repeat(starts[order], wanted) + offsets
    return line[order], name[order], iterations[order], wanted, value[places], unit[places]


def _renumbered(column: I32, texts: list[bytes], known: dict[str, int]) -> I32:
    """Return a column of a block's numbers with those of the whole input."""
    if not texts:
        return column
    numbers = [known.setdefault(text.decode("ascii"), len(known)) for text in texts]
    return np.array(numbers, np.int32)[column]


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def wide_encoding(block: bytes) -> str:
    """Return the name of UTF-16's or UTF-32's variant if the text is in it, else ''."""
    if block.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # one begins with UTF-16's mark
        return "utf-32"
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = block[:_HEAD_BYTES]
    if len(head) >= 4 and head[1::2].count(0) * 4 > len(head):
        return "utf-16-le"
    if len(head) >= 4 and head[::2].count(0) * 4 > len(head):
        return "utf-16-be"
    return ""


def _key_value(text: str) -> tuple[str, str] | None:
    """Return the key and value of a configuration line, None for any other line."""
    key, colon, value = text.partition(":")
    if not colon or not key or unicodedata.category(key[0]) != "Ll":
        return None
    if _SPACE.search(key) or any(unicodedata.category(c) == "Lu" for c in key):
        return None
    if value and value[0] not in " \t":
        return None
    return key, value.lstrip(" \t")


def _iterations(text: str) -> int:
    if not text:
        raise ValueError("missing iteration count")
    if not _INTEGER.fullmatch(text):
        raise ValueError("parsing iteration count: invalid syntax")
    if not -_MOST_INT64 - 1 <= (number := int(text[:25])) <= _MOST_INT64 or len(text) > 4000:
        raise ValueError("parsing iteration count: value out of range")
    return number


def _measurements(fields: list[str]) -> list[tuple[float, str]]:
    pairs: list[tuple[float, str]] = []
    for at in range(0, len(fields), 2):
        if not fields[at]:
            break
        try:
            value = parse_float(fields[at])
        except ValueError as problem:
            raise ValueError(f"parsing measurement: {problem}") from None
        if at + 1 == len(fields) or not fields[at + 1]:
            raise ValueError("missing units")
        pairs.append((value, fields[at + 1]))
    if not pairs:
        raise ValueError("missing measurements")
    return pairs


def read(stream: BinaryIO, source: str, units: UnitMetadata | None = None, *, head: bytes = b"") -> Results:
    """Read an input to its end; `head` was read from it already.

    Raises:
        OSError: reading fails.
    """
    reader = Reader(source, units)
    reader.feed(head)
    while block := stream.read(_BLOCK_BYTES):
        reader.feed(block)
    return reader.finish()


def decode(data: bytes, source: str = "", units: UnitMetadata | None = None) -> Results:
    """Read an input that is at hand as a whole."""
    reader = Reader(source, units)
    reader.feed(data)
    return reader.finish()


def encode(results: Iterable[Result]) -> Iterator[str]:
    """Write results as lines of the format, each with its end; configuration where it changes."""
    state: dict[str, str] = {}
    begun = False
    for result in results:
        wanted = dict(result.configuration)
        if wanted != state:
            if begun:
                yield "\n"
            yield from (f"{key}:\n" for key in state if key not in wanted)
            yield from (f"{key}: {value}\n" for key, value in wanted.items() if state.get(key) != value)
            yield "\n"
            state = wanted
        pairs = "".join(f" {format_float(value)} {unit}" for value, unit in result.values)
        yield f"Benchmark{result.name} {result.iterations}{pairs}\n"
        begun = True
