"""The text that `perf script` prints: a header line and a stack for each sample.

Every event becomes a sample type: clocks in nanoseconds, the others in counts of events.
Process and thread are labels, objects are mappings, and CPython's perf trampolines
(`py::name:file`) become functions with files. Raw addresses stay.
Format: perf-script(1) of Linux, tools/perf/builtin-script.c.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from whet.errors import FormatError
from whet.formats.text import fail_at_line, lines, unpacked
from whet.model.builder import ProfileBuilder, TextLabel
from whet.model.profile import Profile

__all__ = ["decode"]

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


class _Sample(NamedTuple):
    event: str
    period: int
    labels: tuple[TextLabel, ...]


def decode(data: bytes) -> Profile:
    """Decode perf script's output.

    Raises:
        FormatError: a line is neither a header nor a frame; the error names it.
    """
    data = unpacked(data)
    events = _events(data)
    if not events:
        raise FormatError("no samples")
    types = [("samples", "count"), *(_sample_type(event) for event in events)]
    reader = _Reader(ProfileBuilder(types), {event: i + 1 for i, event in enumerate(events)})
    for number, text in lines(data):
        reader.line(number, text)
    reader.finish()
    return reader.builder.build()


def _events(data: bytes) -> list[str]:
    """Return the names of all events, in order of appearance."""
    names: dict[str, None] = {}
    for _, text in lines(data):
        if not text or text[0].isspace() or text[0] == "#" or len(text) >= _MAX_LINE:
            continue
        if match := _HEADER.fullmatch(text):
            names.setdefault(_event_name(match))
    return list(names)


def _event_name(match: re.Match[str]) -> str:
    return match["event"].partition(":")[0].strip("/")


def _sample_type(event: str) -> tuple[str, str]:
    return ("cpu", "nanoseconds") if event in _CLOCKS else (event, "count")


class _Reader:
    def __init__(self, builder: ProfileBuilder, columns: dict[str, int]) -> None:
        self.builder = builder
        self._columns = columns
        self._frames: dict[str, int] = {}
        self._sample: _Sample | None = None
        self._stack: list[int] = []

    def line(self, number: int, text: str) -> None:
        """Take the next line: empty, comment, header or frame."""
        if not text.strip():
            self.finish()
        elif text[0].isspace():
            self._frame(number, text)
        elif not text.startswith("#"):
            self.finish()
            self._header(number, text)

    def finish(self) -> None:
        """Add the sample that ends here."""
        if self._sample is not None:
            values = [1, *[0] * len(self._columns)]
            values[self._columns[self._sample.event]] = self._sample.period
            self.builder.sample(self._stack, values, self._sample.labels)
        self._sample, self._stack = None, []

    def _header(self, number: int, text: str) -> None:
        match = _HEADER.fullmatch(text) if len(text) < _MAX_LINE else None
        if match is None:
            fail_at_line(number, "neither a sample's header nor a frame")
        labels = [("comm", match["comm"]), ("process", match["pid"])]
        if match["tid"]:
            labels.append(("thread", match["tid"]))
        self._sample = _Sample(_event_name(match), int(match["period"] or 0), tuple(labels))
        rest = match["rest"] or ""
        if rest.strip():
            self._frame(number, rest)

    def _frame(self, number: int, text: str) -> None:
        if self._sample is None:
            fail_at_line(number, "a frame without a sample")
        row = self._frames.get(text)
        if row is None:
            row = self._frames[text] = self._location(number, text)
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
