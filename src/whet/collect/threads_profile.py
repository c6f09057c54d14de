"""Threads and tasks as a profile.proto, for `whet prof` and `go tool pprof`.

Value types `threads/count` and `tasks/count`; labels `thread` or `task` (the name), `state` and, where it is
known, `lasted` (nanoseconds in that state).
The few messages that this needs are written here: nothing heavy is loaded into a server, and it
works where nothing was compiled. Format: github.com/google/pprof/proto/profile.proto.
"""

import time

from whet.collect.snapshot import packed
from whet.collect.threads import Frame, Stack

__all__ = ["encode_stacks"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Fields of Profile.
_SAMPLE_TYPE, _SAMPLE, _MAPPING, _LOCATION, _FUNCTION, _STRING = 1, 2, 3, 4, 5, 6
_TIME_NANOS, _COMMENT, _DEFAULT_SAMPLE_TYPE = 9, 13, 14


def encode_stacks(stacks: "Sequence[Stack]", comments: "Sequence[str]" = ()) -> bytes:
    """Return the stacks as a gzip-compressed profile, a sample each."""
    tables = _Tables()
    samples = b"".join(_field(_SAMPLE, tables.sample(stack)) for stack in stacks)
    has_tasks = any(stack.kind == "task" for stack in stacks)
    head = b"".join(
        _field(_SAMPLE_TYPE, _number(1, tables.text(kind)) + _number(2, tables.text("count")))
        for kind in ("threads", "tasks")
    )
    # Complete before it is written: has_functions, has_filenames, has_line_numbers.
    mapping = _field(_MAPPING, _number(1, 1) + _number(7, 1) + _number(8, 1) + _number(9, 1))
    places = tables.places()
    tail = _number(_TIME_NANOS, time.time_ns())
    tail += b"".join(_number(_COMMENT, tables.text(comment)) for comment in comments)
    tail += _number(_DEFAULT_SAMPLE_TYPE, tables.text("tasks" if has_tasks else "threads"))
    # Last: everything before adds strings.
    strings = b"".join(_field(_STRING, text.encode("utf-8", "backslashreplace")) for text in tables.texts)
    return packed(head + samples + mapping + places + strings + tail)


class _Tables:
    """Strings, functions and locations, each numbered as it is met first."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str, int], int] = {}
        self._locations: dict[Frame, int] = {}

    def text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def sample(self, stack: Stack) -> bytes:
        is_thread = stack.kind == "thread"
        values = _varint(is_thread) + _varint(not is_thread)
        locations = b"".join(_varint(self._location(frame)) for frame in stack.frames)
        labels = self._label(stack.kind, stack.name) + self._label("state", stack.state)
        if stack.lasted_ns is not None:
            number = _number(1, self.text("lasted")) + _number(3, stack.lasted_ns)
            labels += _field(3, number + _number(4, self.text("nanoseconds")))
        return _field(1, locations) + _field(2, values) + labels

    def places(self) -> bytes:
        """Return the tables of locations and functions."""
        parts = []
        for (name, file, line, start), number in self._locations.items():
            row = _number(1, self._functions[name, file, start]) + _number(2, line)
            parts.append(_field(_LOCATION, _number(1, number) + _number(2, 1) + _field(4, row)))
        for (name, file, start), number in self._functions.items():
            text = self.text(name)
            row = _number(1, number) + _number(2, text) + _number(3, text)
            parts.append(_field(_FUNCTION, row + _number(4, self.text(file)) + _number(5, start)))
        return b"".join(parts)

    def _location(self, frame: Frame) -> int:
        name, file, _, start = frame
        self._functions.setdefault((name, file, start), len(self._functions) + 1)
        return self._locations.setdefault(frame, len(self._locations) + 1)

    def _label(self, key: str, text: str) -> bytes:
        return _field(3, _number(1, self.text(key)) + _number(2, self.text(text)))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content
