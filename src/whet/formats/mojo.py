"""MOJO, austin's binary format: events of stacks, frames and metrics.

Reads versions 1 to 3. Time becomes nanoseconds; idle samples count for wall time only in
austin's full mode; process and thread are labels. asyncio task events are skipped.
Specification: github.com/P403n1x87/austin, doc of the MOJO format.
"""

from __future__ import annotations

from collections.abc import Callable

from whet.errors import FormatError
from whet.formats.text import unpacked
from whet.model.builder import ProfileBuilder, TextLabel
from whet.model.profile import Profile

__all__ = ["decode"]

_NS_PER_US = 1000
_MAX_DEPTH = 1 << 20  # a repeated stack may be repeated, too: two bytes could stand for any depth
_TYPES = {
    "wall": [("wall", "nanoseconds")],
    "cpu": [("cpu", "nanoseconds")],
    "memory": [("alloc_space", "bytes")],
    "full": [("cpu", "nanoseconds"), ("wall", "nanoseconds"), ("alloc_space", "bytes")],
}


def decode(data: bytes) -> Profile:
    """Decode a MOJO file.

    Raises:
        FormatError: it is cut off or damaged; the error names the byte.
    """
    return _Reader(unpacked(data)).profile()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 4
        if not data.startswith(b"MOJ") or len(data) < 4:
            raise FormatError("no MOJO header", offset=0)
        self._version = data[3]
        if not 1 <= self._version <= 3:
            raise FormatError(f"MOJO version {self._version} is unknown", offset=3)
        self._metadata: dict[str, str] = {}
        self._strings: dict[tuple[str, int], str] = {}
        self._frames: dict[tuple[str, int], int] = {}
        self._builder = ProfileBuilder([])
        self._process = ""
        self._thread = ""
        self._last: dict[tuple[str, str], list[int]] = {}
        self._stack: list[int] | None = None
        self._idle = False
        self._task_frames = 0
        self._time_us: int | None = None
        self._memory_bytes: int | None = None
        self._types: list[tuple[str, str]] = []

    def profile(self) -> Profile:
        """Read all events."""
        events: dict[int, Callable[[], None]] = {
            1: self._on_metadata, 2: self._on_stack, 3: self._on_frame, 4: lambda: self._named("<invalid>"),
            5: self._on_frame_reference, 6: lambda: self._named(self._text()), 7: lambda: self._named("<GC>"),
            8: self._on_idle, 9: self._on_time, 10: self._on_memory, 11: self._on_string,
            12: lambda: self._skip(1), 13: self._on_repeat, 14: self._on_task, 15: lambda: self._skip(2),
            16: lambda: self._skip(1),
        }  # fmt: skip
        while self._at < len(self._data):
            event = self._data[self._at]
            if event not in events:
                raise FormatError(f"unknown event {event}", offset=self._at)
            self._at += 1
            events[event]()
        self._finish()
        self._describe()
        return self._builder.build()

    def _on_metadata(self) -> None:
        key, value = self._text(), self._text()
        self._metadata.setdefault(key, value)

    def _on_stack(self) -> None:
        self._finish()
        if not self._types:
            self._start()
        self._process = str(self._integer())
        if self._version >= 3:
            self._integer()
        self._thread = self._text()
        self._stack = []

    def _start(self) -> None:
        mode = self._metadata.get("mode", "wall")
        self._types = _TYPES.get(mode, _TYPES["wall"])
        frames, self._builder = self._frames, ProfileBuilder(self._types)
        if frames:
            raise FormatError("frames before the first stack", offset=self._at)

    def _on_frame(self) -> None:
        key, file, scope, line = (self._integer() for _ in range(4))
        column = 0
        if self._version >= 2:
            _, column, _ = (self._integer() for _ in range(3))
        row = self._builder.frame(self._string(scope), self._string(file), max(line, 0), max(column, 0))
        self._frames[self._process, key] = row

    def _on_frame_reference(self) -> None:
        start, key = self._at, self._integer()
        if (self._process, key) not in self._frames:
            raise FormatError(f"reference to unknown frame {key}", offset=start)
        if self._task_frames:
            self._task_frames -= 1
        elif self._stack is not None:
            self._stack.append(self._frames[self._process, key])

    def _named(self, name: str) -> None:
        if self._stack is not None:
            self._stack.append(self._builder.frame(name))

    def _on_idle(self) -> None:
        self._idle = True

    def _on_time(self) -> None:
        self._time_us = self._integer()

    def _on_memory(self) -> None:
        self._memory_bytes = self._integer()

    def _on_string(self) -> None:
        key = self._integer()
        self._strings[self._process, key] = self._text()

    def _on_repeat(self) -> None:
        """Put the last stack of this thread below the frames so far."""
        if self._stack is not None:
            self._stack[:0] = self._last.get((self._process, self._thread), [])
            if len(self._stack) > _MAX_DEPTH:
                raise FormatError(f"stack of more than {_MAX_DEPTH} frames", offset=self._at)

    def _on_task(self) -> None:
        self._skip(2)
        self._task_frames = max(self._integer(), 0)

    def _finish(self) -> None:
        """Add the sample that ends here."""
        if self._stack is None:
            return
        self._last[self._process, self._thread] = self._stack
        time, memory = (self._time_us or 0) * _NS_PER_US, self._memory_bytes or 0
        if len(self._types) == 3:
            values = [0 if self._idle else time, time, memory]
        else:
            values = [memory if self._types[0][1] == "bytes" else time]
        labels: list[TextLabel] = [("process", self._process), ("thread", self._thread.rpartition(":")[2])]
        self._builder.sample(self._stack[::-1], values, labels)
        self._stack, self._idle, self._time_us, self._memory_bytes = None, False, None, None

    def _describe(self) -> None:
        if not self._types:
            raise FormatError("no samples")
        self._builder.comments = [f"# {key}: {value}" for key, value in self._metadata.items()]
        interval, duration = (self._metadata.get(key, "") for key in ("interval", "duration"))
        if interval.isdigit() and len(interval) < 15:
            self._builder.period_type = ("wall", "nanoseconds")
            self._builder.period = int(interval) * _NS_PER_US
        if duration.isdigit() and len(duration) < 15:
            self._builder.duration_nanos = int(duration) * _NS_PER_US

    def _string(self, key: int) -> str:
        if key in (0, 1):
            return ("", "<unknown>")[key]
        text = self._strings.get((self._process, key))
        if text is None:
            raise FormatError(f"reference to unknown string {key}", offset=self._at)
        return text

    def _skip(self, count: int) -> None:
        for _ in range(count):
            self._integer()

    def _integer(self) -> int:
        """Read six bits with a sign, then seven bits a byte."""
        value, shift, start = 0, 6, self._at
        byte = self._byte()
        value, negative = byte & 0x3F, byte & 0x40
        while byte & 0x80:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 70:
                raise FormatError("integer does not fit in 64 bits", offset=start)
        return -value if negative else value

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise FormatError("cut off", offset=self._at)
        self._at += 1
        return self._data[self._at - 1]

    def _text(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end == -1:
            raise FormatError("text is cut off", offset=self._at)
        text = self._data[self._at : end].decode("utf-8", "surrogateescape")
        self._at = end + 1
        return text
