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
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NoReturn

import numpy as np

from whet import kernels
from whet.errors import FormatError
from whet.formats.packed import unpacked_blocks
from whet.formats.text import MAX_LINE_BYTES, encode_location, fail_at_line, line_blocks, text_of
from whet.model.builder import NumberLabel, ProfileBuilder, TextLabel
from whet.model.frames import frame_table, stacks
from whet.model.profile import Functions, Locations, Profile, Samples, StringTable

__all__ = ["decode", "decode_blocks", "encode"]

_METADATA = re.compile(r"# ?([\w .-]+): (.*)")
_COLON_FRAME = re.compile(r"(.*?):([^:]*):(\d{1,18})")
_AUSTIN_THREAD = re.compile(r"T(?:(\d+):)?([^;]*)")
_FIRST_STACK = re.compile(rb"(?:[ \t\r]*(?:#[^\n]*)?\n)*([^#\s][^\n]*)\n?")
_PROBLEMS = {
    2: f"longer than {MAX_LINE_BYTES >> 20} MiB",
    3: "the sum of this stack's values does not fit in 64 bits",
    4: "more than 67108864 frames in different stacks",
}
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
    source = iter(blocks)
    start, has_threads = _start(source)
    if not has_threads:
        return _decode_plain(chain([start], source))
    reader = _Reader()
    for first, found in line_blocks(chain([start], source)):
        reader.take(first, found)
    return reader.profile()


def _start(blocks: Iterator[bytes]) -> tuple[bytes, bool]:
    """Read on to the first stack; say whether its dialect has processes and threads."""
    start = b""
    for block in blocks:
        start += block
        match = _FIRST_STACK.match(start)
        if match is not None:
            return start, match[1].startswith(b"tid:") or re.search(rb"^# ?austin: ", start, re.M) is not None
        if len(start) > MAX_LINE_BYTES:
            break
    return start, False


def _decode_plain(blocks: Iterable[bytes]) -> Profile:
    problem, number, line, columns = kernels.decode_folded(blocks)
    if problem == 1:
        _fail_at(number, line)
    if problem:
        fail_at_line(number, _PROBLEMS[problem])
    if not len(columns["value"]):
        raise FormatError("no stacks", hint="each line is root;caller;leaf VALUE")
    stacks, functions, locations = len(columns["value"]), len(columns["name"]), len(columns["line"])
    return Profile(
        strings=StringTable(columns["blob"], columns["string_start"]),
        sample_type=[(1, 2)],
        samples=Samples(
            columns["stack_start"], columns["stack"], columns["value"].reshape(-1, 1),
            np.zeros(stacks + 1, np.int64),
        ),
        locations=Locations(
            id=np.arange(1, locations + 1, dtype=np.uint64),
            mapping=np.full(locations, -1, np.int32),
            address=np.zeros(locations, np.uint64),
            is_folded=np.zeros(locations, np.bool_),
            line_start=np.arange(locations + 1, dtype=np.int64),
            line_function=columns["function"],
            line=columns["line"],
            column=np.zeros(locations, np.int64),
        ),
        functions=Functions(
            id=np.arange(1, functions + 1, dtype=np.uint64),
            name=columns["name"],
            system_name=np.zeros(functions, np.int32),
            filename=columns["filename"],
            start_line=np.zeros(functions, np.int64),
        ),
    )  # fmt: skip


def _fail_at(number: int, line: bytes) -> NoReturn:
    """Say what is wrong with a line that has no stack or no value."""
    _, space, texts = line.rstrip().rpartition(b" ")
    if not space:
        fail_at_line(number, "not a stack and a value")
    _values(number, texts.split(b","), 1)
    raise AssertionError(f"line {number} is a stack")


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

    def __init__(self, builder: ProfileBuilder) -> None:
        super().__init__()
        self._builder = builder

    def __missing__(self, text: bytes) -> int:
        row = self[text] = self._builder.frame(*_split_colons(text_of(text)))
        return row


class _Reader:
    """The lines of a dialect with processes and threads; the first stack decides on the values."""

    def __init__(self) -> None:
        self._metadata: dict[str, str] = {}
        self._builder: ProfileBuilder | None = None
        self._label_sets: dict[tuple[Label, ...], int] = {}

    def take(self, number: int, found: list[bytes]) -> None:
        """Take lines, the first of which has this number."""
        for line in found:
            if line[:1] == b"#":
                if match := _METADATA.fullmatch(text_of(line)):
                    self._metadata.setdefault(match[1], match[2])
            elif line and not line.isspace():
                self._take_stack(number, line)
            number += 1

    def _take_stack(self, number: int, line: bytes) -> None:
        stack, space, texts = line.rstrip().rpartition(b" ")
        if not space and not _INTEGER.fullmatch(texts):
            fail_at_line(number, "not a stack and a value")
        values = texts.split(b",")
        builder = self._builder or self._begin(len(values))
        names, labels = _without_thread([name for name in stack.split(b";") if name])
        label_set = self._label_sets.get(labels, -1)
        if label_set < 0:
            label_set = self._label_sets[labels] = builder.label_set(labels)
        numbers = _values(number, values, len(self._factors))
        scaled = [value * factor for value, factor in zip(numbers, self._factors, strict=True)]
        names.reverse()
        builder.add(builder.stack(map(self._row, names)), scaled, label_set)

    def _begin(self, columns: int) -> ProfileBuilder:
        mode = self._metadata.get("mode", "") if "austin" in self._metadata else ""
        types, self._factors = _types(mode, columns)
        builder = self._builder = ProfileBuilder(types)
        self._row = _Rows(builder).__getitem__
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
