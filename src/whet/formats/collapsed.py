"""Collapsed (folded) stacks: `root;caller;leaf VALUE`, one stack a line.

Reads Brendan Gregg's form and its dialects: py-spy's and whet's frames `name (file:line)`,
CPython 3.15's `file:name:line` after `tid:N`, and austin's `file:name:line` after
`P<pid>;T<tid>` with its `# key: value` lines. Writes frames as `name (file:line)`, so that
functions of one name in two files stay apart. The format has one value a stack and cannot
hold columns, labels, addresses, nor ';' and control characters in names: these become ':' and ' '.
Formats: github.com/brendangregg/FlameGraph (stackcollapse), github.com/P403n1x87/austin.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import NoReturn

from whet.errors import FormatError
from whet.formats.packed import unpacked_blocks
from whet.formats.text import decode_location, encode_location, fail_at_line, line_blocks, text_of
from whet.model.builder import NumberLabel, ProfileBuilder, TextLabel
from whet.model.frames import frame_table, stacks
from whet.model.profile import Profile

__all__ = ["decode", "decode_blocks", "encode"]

_METADATA = re.compile(r"# ?([\w .-]+): (.*)")
_COLON_FRAME = re.compile(r"(.*?):([^:]*):(\d{1,18})")
_AUSTIN_THREAD = re.compile(r"T(?:(\d+):)?([^;]*)")
_SPECIAL_ROOTS = ("#", "tid:")
_INTEGER = re.compile(rb"[+-]?[0-9]{1,19}")
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
    """Decode collapsed stacks, packed with gzip or not; see `decode_blocks`."""
    return decode_blocks(unpacked_blocks(io.BytesIO(data)))


def decode_blocks(blocks: Iterable[bytes]) -> Profile:
    """Decode collapsed stacks that arrive in blocks.

    Raises:
        FormatError: a line is not `stack VALUE`; the error names the line.
    """
    reader = _Reader()
    for first, found in line_blocks(blocks):
        reader.take(first, found)
    return reader.profile()


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


class _Rows(dict[bytes, int]):
    """Rows of frames by their text; what is not known yet is made when it is asked for."""

    def __init__(self, builder: ProfileBuilder, split: Callable[[str], tuple[str, str, int]]) -> None:
        super().__init__()
        self._builder, self._split = builder, split

    def __missing__(self, text: bytes) -> int:
        row = self[text] = self._builder.frame(*self._split(text_of(text)))
        return row


class _Reader:
    """The lines so far; the first stack decides on the dialect."""

    def __init__(self) -> None:
        self._metadata: dict[str, str] = {}
        self._builder: ProfileBuilder | None = None
        self._is_plain = False
        self._label_sets: dict[tuple[Label, ...], int] = {}

    def take(self, number: int, found: list[bytes]) -> None:
        """Take lines, the first of which has this number."""
        for line in found:
            stack, _, value = line.rpartition(b" ")
            if self._is_plain and value.isdigit() and len(value) < 19 and line[:1] != b"#":
                self._take_plain(stack, int(value))
            elif line[:1] == b"#":
                self._take_comment(text_of(line))
            elif not line.isspace() and line:
                self._take_stack(number, line)
            number += 1

    def _take_plain(self, stack: bytes, value: int) -> None:
        # Most of the time goes here; the loops over bytes and frames run in C.
        names = stack.split(b";")
        if b"" in names:
            names = [name for name in names if name]
        names.reverse()
        self._add(self._stack(map(self._row, names)), (value,))

    def _take_comment(self, line: str) -> None:
        if match := _METADATA.fullmatch(line):
            self._metadata.setdefault(match[1], match[2])

    def _take_stack(self, number: int, line: bytes) -> None:
        """Take a line of any dialect."""
        stack, space, texts = line.rstrip().rpartition(b" ")
        if not space and not _INTEGER.fullmatch(texts):
            fail_at_line(number, "not a stack and a value")
        values = texts.split(b",")
        builder = self._builder or self._start(stack, len(values))
        names = [name for name in stack.split(b";") if name]
        label_set = 0
        if self._colons:
            names, labels = _without_thread(names)
            label_set = self._label_sets.get(labels, -1)
            if label_set < 0:
                label_set = self._label_sets[labels] = builder.label_set(labels)
        numbers = _values(number, values, len(self._factors))
        scaled = [value * factor for value, factor in zip(numbers, self._factors, strict=True)]
        names.reverse()
        builder.add(builder.stack(map(self._row, names)), scaled, label_set)

    def _start(self, stack: bytes, columns: int) -> ProfileBuilder:
        austin = "austin" in self._metadata
        types, self._factors = _types(self._metadata.get("mode", "") if austin else "", columns)
        builder = self._builder = ProfileBuilder(types)
        self._colons = austin or stack.startswith(b"tid:")
        self._row = _Rows(builder, _split_colons if self._colons else decode_location).__getitem__
        self._stack, self._add = builder.stack, builder.add
        self._is_plain = not self._colons and self._factors == [1]
        return builder

    def profile(self) -> Profile:
        """Return the profile of all lines."""
        if self._builder is None:
            raise FormatError("no stacks", hint="each line is root;caller;leaf VALUE")
        if "austin" in self._metadata:
            _describe(self._builder, self._metadata)
        return self._builder.build()


def _split_colons(text: str) -> tuple[str, str, int]:
    match = _COLON_FRAME.fullmatch(text)
    return (match[2], match[1], int(match[3])) if match else (text, "", 0)


def _values(number: int, texts: list[bytes], wanted: int) -> list[int]:
    """Return the integers of one line; austin's full mode writes time,idle,memory."""
    if not all(_INTEGER.fullmatch(text) for text in texts):
        _fail_at_value(number, texts)
    values = [int(text) for text in texts]
    if any(abs(value) >= 1 << 63 for value in values):
        fail_at_line(number, "value does not fit in 64 bits")
    if wanted == 3 and len(values) == 3:
        time, idle, memory = values
        return [0 if idle else time, time, memory]
    if len(values) != wanted:
        fail_at_line(number, f"{len(values)} values instead of {wanted}")
    return values


def _fail_at_value(number: int, texts: list[bytes]) -> NoReturn:
    text = text_of(b",".join(texts))[:40]
    fail_at_line(number, f"value {text!r} is not an integer of 64 bits")


def _without_thread(names: list[bytes]) -> tuple[list[bytes], tuple[Label, ...]]:
    """Take the process and thread off the root of a stack and make them labels."""
    labels: list[Label] = []
    if names and names[0].startswith(b"tid:"):
        labels.append(("thread", text_of(names.pop(0)[4:])))
    if names and names[0][:1] == b"P" and names[0][1:].isdigit():
        labels.append(("process", text_of(names.pop(0)[1:])))
        match = _AUSTIN_THREAD.fullmatch(text_of(names[0])) if names else None
        if match:
            names.pop(0)
            labels.append(("thread", match[2]))
    return names, tuple(labels)


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
