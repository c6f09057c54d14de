"""The text that `perf script` prints: a header line and a stack for each sample.

Every event becomes a sample type: clocks in nanoseconds, the others in counts of events.
Process and thread are labels, objects are mappings, and CPython's perf trampolines
(`py::name:file`) become functions with files. Raw addresses stay.
Format: perf-script(1) of Linux, tools/perf/builtin-script.c.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from whet.errors import FormatError
from whet.formats.packed import unpacked_blocks
from whet.formats.text import fail_at_line, line_blocks, text_of
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

__all__ = ["decode", "decode_blocks"]

_HEADER = re.compile(
    r"(?P<comm>\S.{0,63}?)\s{1,64}(?P<pid>\d{1,10})(?:/(?P<tid>\d{1,10}))?\s+(?:\[\d+\]\s+)?(?:[-.A-Za-z]{4,}\s+)?"
    r"\d+\.\d+:\s+(?:(?P<period>\d{1,18})\s+)?(?P<event>[^\s:]\S*):(?:\s+(?P<rest>.*))?"
)
_FRAME = re.compile(
    r"\s*(?P<address>[0-9a-f]{1,16})\s+(?P<symbol>.*?)\s*\((?P<object>[^()]*(?:\([^()]*\))?[^()]*)\)\s*"
)
_OFFSET = re.compile(r"\+0x[0-9a-f]+$")
_MAX_LINE = 1 << 14
_CLOCKS = ("cpu-clock", "task-clock")


def decode(data: bytes) -> Profile:
    """Decode perf script's output, packed with gzip or not; see `decode_blocks`."""
    return decode_blocks(unpacked_blocks(io.BytesIO(data)))


def decode_blocks(blocks: Iterable[bytes]) -> Profile:
    """Decode perf script's output that arrives in blocks.

    Raises:
        FormatError: a line is neither a header nor a frame; the error names it.
    """
    reader = _Reader()
    for number, found in line_blocks(blocks):
        reader.take(number, found)
    reader.finish()
    if not reader.columns:
        raise FormatError("no samples")
    return reader.builder.build()


def _sample_type(event: str) -> tuple[str, str]:
    return ("cpu", "nanoseconds") if event in _CLOCKS else (event, "count")


class _Reader:
    """The lines so far, and the sample that they are in the middle of."""

    def __init__(self) -> None:
        self.builder = ProfileBuilder([("samples", "count")])
        self.columns: dict[str, int] = {}
        self._frames: dict[bytes, int] = {}
        self._label_sets: dict[tuple[str, str, str | None], int] = {}
        self._stack: list[int] | None = None
        self._column, self._period, self._label_set = 0, 0, 0

    def take(self, number: int, found: list[bytes]) -> None:
        """Take lines, the first of which has this number: empty ones, comments, headers, frames."""
        frames = self._frames
        for line in found:
            row = frames.get(line)
            if row is not None and self._stack is not None:
                self._stack.append(row)
            elif not line or line.isspace():
                self.finish()
            elif line[:1].isspace():
                self._frame(number, line)
            elif line[:1] != b"#":
                self.finish()
                self._header(number, text_of(line))
            number += 1

    def finish(self) -> None:
        """Add the sample that ends here."""
        if self._stack is not None:
            values = [1, *[0] * len(self.columns)]
            values[self._column] = self._period
            self.builder.add(self.builder.stack(self._stack), values, self._label_set)
        self._stack = None

    def _header(self, number: int, text: str) -> None:
        match = _HEADER.fullmatch(text) if len(text) < _MAX_LINE else None
        if match is None:
            fail_at_line(number, "neither a sample's header nor a frame")
        event = match["event"].partition(":")[0].strip("/")
        if event not in self.columns:
            self.columns[event] = self.builder.sample_type(*_sample_type(event))
        self._column, self._period = self.columns[event], int(match["period"] or 0)
        self._label_set = self._labels(match["comm"], match["pid"], match["tid"])
        self._stack = []
        rest = match["rest"] or ""
        if rest.strip():
            self._frame(number, rest.encode("utf-8", "surrogateescape"))

    def _labels(self, comm: str, pid: str, tid: str | None) -> int:
        known = self._label_sets.get((comm, pid, tid))
        if known is None:
            labels = [("comm", comm), ("process", pid), *([("thread", tid)] if tid else [])]
            known = self._label_sets[comm, pid, tid] = self.builder.label_set(labels)
        return known

    def _frame(self, number: int, line: bytes) -> None:
        if self._stack is None:
            fail_at_line(number, "a frame without a sample")
        row = self._frames[line] = self._location(number, text_of(line))
        self._stack.append(row)

    def _location(self, number: int, text: str) -> int:
        match = _FRAME.fullmatch(text) if len(text) < _MAX_LINE else None
        if match is None:
            fail_at_line(number, "not a frame `ADDRESS symbol (object)`")
        symbol = _OFFSET.sub("", match["symbol"].strip())
        mapping = self.builder.mapping(match["object"])
        address = int(match["address"], 16)
        if symbol in ("", "[unknown]"):
            return self.builder.location(-1, address=address, mapping=mapping)
        name, file = symbol, ""
        if symbol.startswith("py::"):
            name, _, file = symbol[4:].partition(":")
        return self.builder.location(self.builder.function(name, file), address=address, mapping=mapping)
