"""CPython 3.15's `profiling.sampling --binary`: captures of whole stacks with times.

A header, records of samples as changes of each thread's last stack, tables of strings and
frames, a footer. Every sample is worth the interval; threads become labels. Records may be
packed with zstd, which needs Python 3.14, or the package zstandard.
Specification: CPython, InternalDocs/profiling_binary_format.md (format version 1).
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from whet.errors import FormatError
from whet.formats.packed import max_input_bytes
from whet.formats.text import text_of
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

__all__ = ["decode"]

_MAGICS = {b"HCAT": "<", b"TACH": ">"}
_HEADER_BYTES = 64
_FOOTER_BYTES = 32
_VERSION = 1
_NS_PER_US = 1000
_MAX_DEPTH = 1 << 14
_PIECE_BYTES = 1 << 10  # one may unpack to some ten MiB
_RECORDS_SHARE = 8  # of the memory that an input may take as a stream
_REPEAT, _FULL, _SUFFIX, _POP_PUSH = range(4)
_NO_FILE = "~"
# Frames below the program, which the sampler leaves out of its own reports.
_SAMPLERS_OWN = ("_sync_coordinator.py",)
_MODES = {1: "wall", 2: "cpu", 3: "gil", 5: "exception"}
_REPLAY_HINT = "python3.15 -m profiling.sampling replay --collapsed -o FILE.txt FILE, then whet prof FILE.txt"


class _Header(NamedTuple):
    magic: int
    version: int
    python: bytes
    start_us: int
    interval_us: int
    samples: int
    threads: int
    strings_at: int
    frames_at: int
    compression: int
    mode: int


def decode(data: bytes) -> Profile:
    """Decode a binary capture.

    Raises:
        FormatError: it is damaged, of another version, or packed and nothing here unpacks it.
    """
    order = _MAGICS.get(data[:4])
    if order is None or len(data) < _HEADER_BYTES + _FOOTER_BYTES:
        raise FormatError("no header of a binary capture of CPython, or it is cut off")
    header = _Header(*struct.unpack_from(f"{order}II4sQQQIQQII", data))
    if header.version != _VERSION:
        raise FormatError(
            f"version {header.version} of CPython's binary captures is unknown", hint=_REPLAY_HINT
        )
    string_count, frame_count, size_bytes = struct.unpack_from(f"{order}IIQ", data, len(data) - _FOOTER_BYTES)
    if size_bytes != len(data):
        raise FormatError("cut off: the footer is missing or tells another size", offset=len(data))
    if not _HEADER_BYTES <= header.strings_at <= header.frames_at <= len(data) - _FOOTER_BYTES:
        raise FormatError("the header's table offsets are not inside the file", offset=40)
    builder = _builder(header)
    rows = _rows(builder, data, header, string_count, frame_count)
    records = _unpacked(data[_HEADER_BYTES : header.strings_at], header.compression)
    reader = _Samples(builder, rows, records, order, header.interval_us * _NS_PER_US)
    reader.read()
    if len(builder) == 0:
        raise FormatError("no samples", hint="the program may have ended before the first one")
    builder.duration_nanos = min(reader.last_us * _NS_PER_US, (1 << 63) - 1)
    return builder.build()


def _builder(header: _Header) -> ProfileBuilder:
    if max(header.interval_us, header.start_us) > (1 << 62) // _NS_PER_US:
        raise FormatError("the header's times do not fit in 64 bits of nanoseconds", offset=12)
    builder = ProfileBuilder([("samples", "count"), ("time", "nanoseconds")])
    # The start is told by a monotonic clock, so there is no date.
    builder.period_type, builder.period = ("time", "nanoseconds"), header.interval_us * _NS_PER_US
    major, minor, micro, _ = header.python
    mode = _MODES.get(header.mode, "")
    builder.comments.append(f"Python {major}.{minor}.{micro}{f', {mode} mode' if mode else ''}")
    return builder


def _rows(
    builder: ProfileBuilder, data: bytes, header: _Header, string_count: int, frame_count: int
) -> list[int]:
    """Return the location row of each frame of the table, -1 for those of the sampler."""
    texts = _Cursor(data, header.strings_at, header.frames_at)
    strings = [text_of(texts.take(texts.number())) for _ in range(_checked(string_count, texts))]
    frames = _Cursor(data, header.frames_at, len(data) - _FOOTER_BYTES)
    rows = []
    for _ in range(_checked(frame_count, frames)):
        start, file, name = frames.at, frames.number(), frames.number()
        line, _, column, _ = (frames.signed() for _ in range(4))
        frames.take(1)
        if not (file < len(strings) and name < len(strings)):
            raise FormatError(f"a frame refers to string {max(file, name)} of {len(strings)}", offset=start)
        place = "" if strings[file] == _NO_FILE else strings[file]
        is_own = place.endswith(_SAMPLERS_OWN)
        rows.append(-1 if is_own else builder.frame(strings[name], place, max(line, 0), max(column, 0)))
    return rows


def _checked(count: int, cursor: _Cursor) -> int:
    """Return a table's number of rows, each of which takes a byte at least."""
    if count > cursor.left():
        raise FormatError(f"a table of {count} rows is cut off", offset=cursor.at)
    return count


class _Cursor:
    """Reads numbers of seven bits a byte."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def left(self) -> int:
        return self.end - self.at

    def take(self, count: int) -> bytes:
        if count > self.end - self.at:
            raise FormatError("cut off", offset=self.end)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        value, shift, start = 0, 0, self.at
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise FormatError("number does not fit in 64 bits", offset=start)

    def signed(self) -> int:
        value = self.number()
        return value >> 1 ^ -(value & 1)


class _Samples:
    """Follows the records: each tells how a thread's stack differs from its last one."""

    def __init__(
        self, builder: ProfileBuilder, rows: list[int], records: bytes, order: str, interval_ns: int
    ) -> None:
        self._builder, self._rows, self._interval_ns = builder, rows, interval_ns
        self._cursor = _Cursor(records, 0, len(records))
        self._ids = struct.Struct(f"{order}QI")
        self._threads: dict[tuple[int, int], _Thread] = {}
        self.last_us = 0

    def read(self) -> None:
        """Read all records."""
        cursor = self._cursor
        while cursor.left():
            start = cursor.at
            key = self._ids.unpack(cursor.take(self._ids.size))
            thread = self._threads.get(key) or self._new_thread(key)
            encoding = cursor.take(1)[0]
            if encoding == _REPEAT:
                self._repeat(thread, cursor.number(), start)
                continue
            if encoding > _POP_PUSH:
                raise FormatError(f"sample with unknown encoding {encoding}", offset=_HEADER_BYTES + start)
            self._pass(thread)
            kept = self._kept(thread.stack, encoding, start)
            thread.stack = [*self._new_frames(start, len(kept)), *kept]
            visible = [row for row in thread.stack if row >= 0]
            thread.number = self._builder.stack(visible) if visible else -1
            self._add(thread, 1)

    def _new_thread(self, key: tuple[int, int]) -> _Thread:
        labels = [("thread", str(key[0]))] + ([("interpreter", str(key[1]))] if key[1] else [])
        thread = self._threads[key] = _Thread(self._builder.label_set(labels))
        return thread

    def _pass(self, thread: _Thread) -> None:
        thread.time_us += self._cursor.number()
        self.last_us = max(self.last_us, thread.time_us)
        self._cursor.take(1)  # the thread's state

    def _repeat(self, thread: _Thread, count: int, start: int) -> None:
        if not thread.stack or count > self._cursor.left():
            raise FormatError(f"sample repeated {count} times without a stack", offset=_HEADER_BYTES + start)
        for _ in range(count):
            self._pass(thread)
        self._add(thread, count)

    def _add(self, thread: _Thread, count: int) -> None:
        """Add samples of a thread's stack, unless the sampler's own frames are all there is."""
        if thread.number >= 0:
            self._builder.add(thread.number, (count, count * self._interval_ns), thread.label_set)

    def _kept(self, stack: list[int], encoding: int, start: int) -> list[int]:
        """Return the frames that stay: those next to the root."""
        if encoding == _FULL:
            return []
        count = self._cursor.number()
        if count > len(stack):
            raise FormatError(
                f"sample refers to {count} frames of {len(stack)}", offset=_HEADER_BYTES + start
            )
        return stack[count:] if encoding == _POP_PUSH else stack[len(stack) - count :]

    def _new_frames(self, start: int, kept: int) -> list[int]:
        cursor, rows = self._cursor, self._rows
        count = cursor.number()
        if count > cursor.left() or count + kept > _MAX_DEPTH:
            raise FormatError(f"stack of {count + kept} frames", offset=_HEADER_BYTES + start)
        frames = [cursor.number() for _ in range(count)]
        if max(frames, default=0) >= len(rows) and frames:
            raise FormatError(
                f"sample refers to frame {max(frames)} of {len(rows)}", offset=_HEADER_BYTES + start
            )
        return [rows[frame] for frame in frames]


class _Thread:
    """A thread's last stack, leaf first, the builder's number of it (-1: not shown), and when that was."""

    def __init__(self, label_set: int) -> None:
        self.label_set = label_set
        self.stack: list[int] = []
        self.number, self.time_us = -1, 0


def _unpacked(data: bytes, compression: int) -> bytes:
    if compression == 0:
        return data
    if compression != 1:
        raise FormatError(f"compression {compression} is unknown", offset=56, hint=_REPLAY_HINT)
    unpack, damage = _zstd()
    limit = max_input_bytes()
    try:
        return unpack(data, -1 if limit is None else limit // _RECORDS_SHARE)
    except damage as error:
        raise FormatError(f"zstd stream is damaged ({str(error)[:80]})", offset=_HEADER_BYTES) from None


def _zstd() -> tuple[Callable[[bytes, int], bytes], type[Exception]]:
    """Return what unpacks zstd (the standard library's from Python 3.14 on, or zstandard) and its error."""
    try:
        standard = importlib.import_module("compression.zstd")
    except ImportError:
        pass
    else:
        return lambda data, limit: _whole(standard.ZstdDecompressor(), data, limit), standard.ZstdError
    try:
        package: Any = importlib.import_module("zstandard")
    except ImportError:
        raise FormatError(
            "the capture is packed with zstd, which this Python cannot unpack",
            hint=f"pip install zstandard, record with --compression none, or {_REPLAY_HINT}",
        ) from None
    return lambda data, limit: _whole(
        package.ZstdDecompressor().decompressobj(), data, limit
    ), package.ZstdError


def _whole(unpacker: Any, data: bytes, limit: int) -> bytes:
    """Unpack in pieces, so that what is too large is seen before it is held."""
    pieces, total = [], 0
    for at in range(0, len(data), _PIECE_BYTES):
        if unpacker.eof:
            break
        pieces.append(unpacker.decompress(data[at : at + _PIECE_BYTES]))
        total += len(pieces[-1])
        if 0 <= limit < total:
            raise FormatError("zstd stream is too large", offset=_HEADER_BYTES)
    if not unpacker.eof:
        raise FormatError("zstd stream is cut off", offset=_HEADER_BYTES)
    return b"".join(pieces)
