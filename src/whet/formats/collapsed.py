"""Collapsed (folded) stacks: `root;caller;leaf VALUE`, one stack a line.

Reads Brendan Gregg's form and its dialects: py-spy's and whet's frames `name (file:line)`,
CPython 3.15's `file:name:line` after `tid:N`, and austin's `file:name:line` after
`P<pid>;T<tid>` with its `# key: value` lines. Writes frames as `name (file:line)`, so that
functions of one name in two files stay apart. The format has one value a stack and cannot
hold columns, labels, addresses, nor ';' and control characters in names: these become ':' and ' '.
Formats: github.com/brendangregg/FlameGraph (stackcollapse), github.com/P403n1x87/austin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from whet.errors import FormatError
from whet.formats.text import decode_location, encode_location, fail_at_line, lines
from whet.model.builder import NumberLabel, ProfileBuilder, TextLabel
from whet.model.frames import frame_table, stacks
from whet.model.profile import Profile

__all__ = ["decode", "encode"]

_METADATA = re.compile(r"# ?([\w .-]+): (.*)")
_COLON_FRAME = re.compile(r"(.*?):([^:]*):(\d{1,18})")
_AUSTIN_THREAD = re.compile(r"T(?:(\d+):)?([^;]*)")
_SPECIAL_ROOTS = ("#", "tid:")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_UNWRITABLE = str.maketrans({";": ":", "\x7f": " "} | {chr(code): " " for code in range(32)})

Label = TextLabel | NumberLabel
# Sample type and factor of austin's modes; its unit of time is the microsecond.
_AUSTIN_MODES = {
    "wall": (("wall", "nanoseconds"), 1000),
    "cpu": (("cpu", "nanoseconds"), 1000),
    "full": (("wall", "nanoseconds"), 1000),
    "memory": (("alloc_space", "bytes"), 1),
}
_AUSTIN_FULL = [("cpu", "nanoseconds"), ("wall", "nanoseconds"), ("alloc_space", "bytes")]


def decode(data: bytes) -> Profile:
    """Decode collapsed stacks.

    Raises:
        FormatError: a line is not `stack VALUE`; the error names the line.
    """
    metadata: dict[str, str] = {}
    rows = _rows(data, metadata)
    first = next(rows, None)
    if first is None:
        raise FormatError("no stacks", hint="each line is root;caller;leaf VALUE")
    austin = "austin" in metadata
    types, factors = _types(metadata.get("mode", "") if austin else "", len(first[2]))
    builder = ProfileBuilder(types)
    frame = _Frames(builder, colons=austin or first[1].startswith("tid:"))
    _fill(builder, frame, first, rows, factors)
    if austin:
        _describe(builder, metadata)
    return builder.build()


def encode(profile: Profile, index: int = 0) -> bytes:
    """Encode value column `index`; equal stacks are added up, zero sums left out."""
    table = frame_table(profile)
    names = [encode_location(f.name, f.file, f.line).translate(_UNWRITABLE) for f in table.frames]
    sums: dict[str, int] = {}
    for stack, value in zip(stacks(profile, table), profile.samples.values[:, index].tolist(), strict=True):
        text = ";".join([names[frame] for frame in reversed(stack)])
        if text.startswith(_SPECIAL_ROOTS):
            text = ";" + text  # an empty frame is skipped when reading
        sums[text] = sums.get(text, 0) + value
    text = "".join([f"{stack} {value}\n" for stack, value in sums.items() if value])
    return text.encode("utf-8", "surrogateescape")


Row = tuple[int, str, list[str]]


def _rows(data: bytes, metadata: dict[str, str]) -> Iterator[Row]:
    """Yield (line number, stack, values) and collect the metadata lines."""
    for number, line in lines(data):
        if not line.strip():
            continue
        if line.startswith("#"):
            if match := _METADATA.fullmatch(line):
                metadata.setdefault(match[1], match[2])
            continue
        stack, space, values = line.rstrip().rpartition(" ")
        if not space and not _INTEGER.fullmatch(values):
            fail_at_line(number, "not a stack and a value")
        yield number, stack, values.split(",")


class _Frames:
    """Rows of frames by their text."""

    def __init__(self, builder: ProfileBuilder, *, colons: bool) -> None:
        self._builder = builder
        self._known: dict[str, int] = {}
        self._split: Callable[[str], tuple[str, str, int]] = _split_colons if colons else decode_location
        self.colons = colons

    def row(self, text: str) -> int:
        """Return the location of a frame."""
        row = self._known.get(text)
        if row is None:
            name, file, line = self._split(text)
            row = self._known[text] = self._builder.frame(name, file, line)
        return row


def _split_colons(text: str) -> tuple[str, str, int]:
    match = _COLON_FRAME.fullmatch(text)
    return (match[2], match[1], int(match[3])) if match else (text, "", 0)


def _fill(
    builder: ProfileBuilder, frames: _Frames, first: Row, rows: Iterable[Row], factors: list[int]
) -> None:
    for number, stack, texts in chain([first], rows):
        _add(builder, frames, number, stack, texts, factors)


def _add(
    builder: ProfileBuilder, frames: _Frames, number: int, stack: str, texts: list[str], factors: list[int]
) -> None:
    names = [name for name in stack.split(";") if name]
    labels: list[Label] = []
    if frames.colons:
        names, labels = _without_thread(names)
    values = _values(number, texts, len(factors))
    builder.sample(
        [frames.row(name) for name in reversed(names)],
        [value * factor for value, factor in zip(values, factors, strict=True)],
        labels,
    )


def _values(number: int, texts: list[str], wanted: int) -> list[int]:
    """Return the integers of one line; austin's full mode writes time,idle,memory."""
    if not all(_INTEGER.fullmatch(text) for text in texts):
        fail_at_line(number, f"value {','.join(texts)[:40]!r} is not an integer of 64 bits")
    values = [int(text) for text in texts]
    if any(abs(value) >= 1 << 63 for value in values):
        fail_at_line(number, "value does not fit in 64 bits")
    if wanted == 3 and len(values) == 3:
        time, idle, memory = values
        return [0 if idle else time, time, memory]
    if len(values) != wanted:
        fail_at_line(number, f"{len(values)} values instead of {wanted}")
    return values


def _without_thread(names: list[str]) -> tuple[list[str], list[Label]]:
    """Take the process and thread off the root of a stack and make them labels."""
    labels: list[Label] = []
    if names and names[0].startswith("tid:"):
        labels.append(("thread", names.pop(0).removeprefix("tid:")))
    if names and names[0][0] == "P" and names[0][1:].isdigit():
        labels.append(("process", names.pop(0)[1:]))
        match = _AUSTIN_THREAD.fullmatch(names[0]) if names else None
        if match:
            names.pop(0)
            labels.append(("thread", match[2]))
    return names, labels


def _types(mode: str, columns: int) -> tuple[list[tuple[str, str]], list[int]]:
    if mode == "full" and columns == 3:
        return _AUSTIN_FULL, [1000, 1000, 1]
    if mode in _AUSTIN_MODES:
        kind, factor = _AUSTIN_MODES[mode]
        return [kind], [factor]
    return [("samples", "count")], [1]


def _describe(builder: ProfileBuilder, metadata: dict[str, str]) -> None:
    builder.comments += [f"# {key}: {value}" for key, value in metadata.items()]
    interval = metadata.get("interval", "")
    if interval.isdigit() and len(interval) < 15:
        builder.period_type, builder.period = ("wall", "nanoseconds"), int(interval) * 1000
    duration = metadata.get("duration", "")
    if duration.isdigit() and len(duration) < 15:
        builder.duration_nanos = int(duration) * 1000
