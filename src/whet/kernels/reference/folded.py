"""Collapsed stacks into columns in plain Python: the twin and oracle of native/codec/folded.

A line is `root;caller;leaf VALUE`; empty frames are skipped, lines that begin with `#` and empty
ones are left out, white space at the end of a line, too. A frame `name (file:line)` is taken
apart, any other is a name. Strings, functions, locations and stacks are numbered in order of first
appearance, frames of a line from the leaf on; values of equal stacks are added up.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["FoldedColumns", "FoldedEnd", "decode_folded"]

_MAX_LINE_BYTES = 1 << 24
_MAX_FRAMES = 1 << 26
_SHOWN_BYTES = 200
_VALUE = re.compile(rb"[+-]?[0-9]{1,19}")
_LOCATION_END = re.compile(rb":([0-9]{1,18})\)\Z")

FoldedColumns = dict[str, Any]


class FoldedEnd(NamedTuple):
    """How reading ended.

    Attributes:
        problem: 0 none; 1 a line that is no stack, 2 a line of more than 16 MiB, 3 a sum that
            does not fit in 64 bits, 4 more than 2^26 frames in different stacks.
        line_number: of the last line that was looked at.
        line: the line with the problem, only its beginning for problems other than 1.
        columns: blob uint8, string_start int64 (strings 0 to 2 are '', 'samples', 'count');
            name, filename int32 of functions; function int32, line int64 of locations;
            stack_start int64, stack int32 leaf first, value int64.
    """

    problem: int
    line_number: int
    line: bytes
    columns: FoldedColumns


def decode_folded(blocks: Iterable[bytes]) -> FoldedEnd:
    """Decode text that arrives in blocks."""
    tables = _Tables()
    number, problem, line = 0, 0, b""
    for line in _lines(blocks):
        number += 1
        problem = 2 if len(line) > _MAX_LINE_BYTES else tables.take(line)
        if problem:
            break
    bad = (line if problem == 1 else line[:_SHOWN_BYTES]) if problem else b""
    return FoldedEnd(problem, number, bad, tables.columns())


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > _MAX_LINE_BYTES:
            break
    if rest:
        yield rest


class _Tables:
    def __init__(self) -> None:
        self._strings = {b"": 0, b"samples": 1, b"count": 2}
        self._functions: dict[tuple[int, int], int] = {}
        self._locations: dict[tuple[int, int, int], int] = {}
        self._rows: dict[bytes, int] = {}
        self._stacks: dict[bytes, int] = {}
        self._frames = 0

    def take(self, line: bytes) -> int:
        """Take a line; return what is wrong with it."""
        if line.startswith(b"#") or not line.strip():
            return 0
        stack, _, text = line.rstrip().rpartition(b" ")
        if not _VALUE.fullmatch(text) or abs(int(text)) >> 63:
            return 1
        rows = array("i", [self._row(frame) for frame in reversed(stack.split(b";")) if frame])
        key = rows.tobytes()
        self._frames += 0 if key in self._stacks else len(rows)
        total = self._stacks[key] = self._stacks.get(key, 0) + int(text)
        if not -(1 << 63) <= total < 1 << 63:
            return 3
        return 4 if self._frames > _MAX_FRAMES else 0

    def _row(self, text: bytes) -> int:
        row = self._rows.get(text)
        if row is None:
            name, file, line = _split(text)
            key = (self._string(name), self._string(file), line)
            self._functions.setdefault(key[:2], len(self._functions))
            row = self._rows[text] = self._locations.setdefault(key, len(self._locations))
        return row

    def _string(self, text: bytes) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def columns(self) -> FoldedColumns:
        functions = np.array(list(self._functions), np.int32).reshape(-1, 2)
        places = [(self._functions[name, file], line) for name, file, line in self._locations]
        totals = [total if -(1 << 63) <= total < 1 << 63 else 0 for total in self._stacks.values()]
        return {
            "blob": np.frombuffer(b"".join(self._strings), np.uint8),
            "string_start": _starts(self._strings, 1),
            "name": functions[:, 0].copy(),
            "filename": functions[:, 1].copy(),
            "function": np.array([function for function, _ in places], np.int32),
            "line": np.array([line for _, line in places], np.int64),
            "stack_start": _starts(self._stacks, 4),
            "stack": np.frombuffer(b"".join(self._stacks), np.int32),
            "value": np.array(totals, np.int64),
        }


def _starts(pieces: Iterable[bytes], size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.cumsum([0, *(len(piece) // size for piece in pieces)], dtype=np.int64)


def _split(text: bytes) -> tuple[bytes, bytes, int]:
    match = _LOCATION_END.search(text)
    if match is None:
        return text, b"", 0
    depth, at = 1, match.start()
    while depth and at:
        at -= 1
        depth += {ord(")"): 1, ord("("): -1}.get(text[at], 0)
    if depth or at == 0 or text[at - 1] != ord(" "):
        return text, b"", 0
    return text[: at - 1], text[at + 1 : match.start()], int(match[1])
