"""Threads and tasks as a profile.proto, for `whet prof` and `go tool pprof`.

Value types `threads/count` and `tasks/count`; labels `thread` or `task` (the name), `state` and, where it is
known, `lasted` (nanoseconds in that state). Or a single value type that the caller names, as Go's
`goroutine/count`. The few messages that this needs are written here: nothing heavy is loaded into
a server, and it works where nothing was compiled. Format:
github.com/google/pprof/proto/profile.proto.
"""

import time

from whet.collect.proto import field, number, varint
from whet.collect.snapshot import packed
from whet.collect.threads import Frame, Stack

__all__ = ["encode_counts", "encode_stacks"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    # (key, text) pairs
    Labels = tuple[tuple[str, str], ...]

# Fields of Profile.
_SAMPLE_TYPE, _SAMPLE, _MAPPING, _LOCATION, _FUNCTION, _STRING = 1, 2, 3, 4, 5, 6
_TIME_NANOS, _DURATION_NANOS, _PERIOD_TYPE, _PERIOD, _COMMENT, _DEFAULT_SAMPLE_TYPE = 9, 10, 11, 12, 13, 14


def encode_stacks(stacks: "Sequence[Stack]", comments: "Sequence[str]" = ()) -> bytes:
    """Return the stacks as a gzip-compressed profile, a sample each."""
    tables = _Tables()
    samples = b"".join(field(_SAMPLE, tables.sample(stack)) for stack in stacks)
    has_tasks = any(stack.kind == "task" for stack in stacks)
    head = b"".join(
        field(_SAMPLE_TYPE, number(1, tables.text(kind)) + number(2, tables.text("count")))
        for kind in ("threads", "tasks")
    )
    tail = b"".join(number(_COMMENT, tables.text(comment)) for comment in comments)
    tail += number(_DEFAULT_SAMPLE_TYPE, tables.text("tasks" if has_tasks else "threads"))
    return _whole(tables, head + samples, tail)


def encode_counts(
    kind: str,
    counts: "Mapping[tuple[Labels, tuple[Frame, ...]], int]",
    *,
    duration_ns: int = 0,
    comments: "Sequence[str]" = (),
) -> bytes:
    """Return a gzip-compressed profile of one value type, `kind`/count.

    Args:
        kind: what is counted, for example `goroutine`.
        counts: (labels, frames innermost first) -> how many; negative ones are what went away.
        duration_ns: 0 is a moment.
        comments: those of the profile.
    """
    tables = _Tables()
    what = number(1, tables.text(kind)) + number(2, tables.text("count"))
    samples = b"".join(
        field(_SAMPLE, tables.counted(frames, count, labels)) for (labels, frames), count in counts.items()
    )
    tail = number(_DURATION_NANOS, duration_ns) if duration_ns else b""
    tail += field(_PERIOD_TYPE, what) + number(_PERIOD, 1)
    tail += b"".join(number(_COMMENT, tables.text(comment)) for comment in comments)
    return _whole(tables, field(_SAMPLE_TYPE, what) + samples, tail)


def _whole(tables: "_Tables", head: bytes, tail: bytes) -> bytes:
    # Complete before it is written: has_functions, has_filenames, has_line_numbers.
    mapping = field(_MAPPING, number(1, 1) + number(7, 1) + number(8, 1) + number(9, 1))
    places = tables.places()
    # Last: everything before adds strings.
    strings = b"".join(field(_STRING, text.encode("utf-8", "backslashreplace")) for text in tables.texts)
    return packed(head + mapping + places + strings + number(_TIME_NANOS, time.time_ns()) + tail)


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
        values = varint(int(is_thread)) + varint(int(not is_thread))
        locations = b"".join(varint(self._location(frame)) for frame in stack.frames)
        labels = self._label(stack.kind, stack.name) + self._label("state", stack.state)
        if stack.lasted_ns is not None:
            lasted = number(1, self.text("lasted")) + number(3, stack.lasted_ns)
            labels += field(3, lasted + number(4, self.text("nanoseconds")))
        return field(1, locations) + field(2, values) + labels

    def counted(self, frames: "Sequence[Frame]", count: int, labels: "Labels") -> bytes:
        locations = b"".join(varint(self._location(frame)) for frame in frames)
        texts = b"".join(self._label(key, text) for key, text in labels)
        return field(1, locations) + field(2, varint(count)) + texts

    def places(self) -> bytes:
        """Return the tables of locations and functions."""
        parts = []
        for (name, file, line, start), index in self._locations.items():
            row = number(1, self._functions[name, file, start]) + number(2, line)
            parts.append(field(_LOCATION, number(1, index) + number(2, 1) + field(4, row)))
        for (name, file, start), index in self._functions.items():
            text = self.text(name)
            row = number(1, index) + number(2, text) + number(3, text)
            parts.append(field(_FUNCTION, row + number(4, self.text(file)) + number(5, start)))
        return b"".join(parts)

    def _location(self, frame: Frame) -> int:
        name, file, _, start = frame
        self._functions.setdefault((name, file, start), len(self._functions) + 1)
        return self._locations.setdefault(frame, len(self._locations) + 1)

    def _label(self, key: str, text: str) -> bytes:
        return field(3, number(1, self.text(key)) + number(2, self.text(text)))
