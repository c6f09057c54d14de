"""CPython 3.15's `profiling.sampling --jsonl`: totals of frames, no stacks.

Each frame has its own and its cumulative samples. The result's stacks are made so that flat
and cum of every frame are exact; which frame is above which is not known, and the profile's
comments say so. Records and fields that are not known are skipped, as the format demands.
Specification: CPython, Lib/profiling/sampling/jsonl_collector.py.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from whet.errors import FormatError
from whet.formats.packed import unpacked_blocks
from whet.formats.text import (
    as_integer,
    as_list,
    as_object,
    as_text,
    decode_json,
    fail_at_line,
    lines,
)
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

__all__ = ["decode", "decode_blocks"]

_MAX_FRAMES = 10_000  # making stacks takes time quadratic in frames
_NS_PER_US = 1000


@dataclass(slots=True)
class _Tables:
    strings: dict[int, str] = field(default_factory=dict)
    frames: dict[int, tuple[str, str, int, int]] = field(default_factory=dict)
    totals: dict[int, tuple[int, int]] = field(default_factory=dict)
    interval_us: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Segment:
    """Samples with the same stack: frames leaf first, and the functions among them."""

    count: int
    stack: list[int]
    functions: set[tuple[str, str]]


def decode(data: bytes) -> Profile:
    """Decode a JSONL profile, packed with gzip or not; see `decode_blocks`."""
    return decode_blocks(unpacked_blocks(io.BytesIO(data)))


def decode_blocks(blocks: Iterable[bytes]) -> Profile:
    """Decode a JSONL profile that arrives in blocks.

    Raises:
        FormatError: a record is damaged or the end record is missing; the error names the line.
    """
    tables = _Tables()
    for number, text in lines(blocks):
        if text.strip():
            record = as_object(
                decode_json(text.encode("utf-8", "surrogateescape"), line=number), f"line {number}"
            )
            _record(tables, record, number)
    if not tables.ended:
        raise FormatError("no end record: the file is cut off")
    if len(tables.totals) > _MAX_FRAMES:
        raise FormatError(
            f"more than {_MAX_FRAMES} frames without stacks",
            hint="the sampler's --gecko and --collapsed have stacks",
        )
    return _build(tables)


def _record(tables: _Tables, record: dict[str, Any], number: int) -> None:
    kind, where = record.get("type"), f"line {number}"
    if tables.ended:
        fail_at_line(number, "a record after the end: are these several profiles?")
    if kind == "meta":
        tables.interval_us = as_integer(
            record.get("sample_interval_usec", 0), f"{where}: sample_interval_usec", low=0
        )
    elif kind == "string_table":
        for entry in _entries(record, "strings", where):
            tables.strings[_id(entry, "str_id", where)] = as_text(entry.get("value"), f"{where}: value")
    elif kind == "frame_table":
        for entry in _entries(record, "frames", where):
            path, name = (
                tables.strings.get(_id(entry, key, where)) for key in ("path_str_id", "func_str_id")
            )
            if path is None or name is None:
                fail_at_line(number, "a frame refers to an unknown string")
            # Frames that the sampler makes up have line -1.
            line, column = (
                max(as_integer(entry.get(key) or 0, f"{where}: {key}"), 0) for key in ("line", "col")
            )
            path = "" if path == "~" else path
            tables.frames[_id(entry, "frame_id", where)] = (name, path, line, column)
    elif kind == "agg":
        for entry in _entries(record, "entries", where):
            own, cum = (
                as_integer(entry.get(key), f"{where}: {key}", low=0) for key in ("self", "cumulative")
            )
            frame = _id(entry, "frame_id", where)
            if frame not in tables.frames or own > cum:
                fail_at_line(number, f"frame {frame} is unknown or has less cumulative samples than own ones")
            tables.totals[frame] = (own, cum)
    tables.ended = kind == "end"


def _entries(record: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    return [as_object(entry, f"{where}: {key}") for entry in as_list(record.get(key), f"{where}: {key}")]


def _id(entry: dict[str, Any], key: str, where: str) -> int:
    return as_integer(entry.get(key), f"{where}: {key}", low=0)


def _build(tables: _Tables) -> Profile:
    interval_ns = tables.interval_us * _NS_PER_US
    builder = ProfileBuilder([("samples", "count"), ("time", "nanoseconds")])
    builder.period_type, builder.period = ("time", "nanoseconds"), interval_ns
    rows = {frame: builder.frame(*tables.frames[frame]) for frame in tables.totals}
    segments = [
        _Segment(own, [frame], {tables.frames[frame][:2]}) for frame, (own, _) in tables.totals.items() if own
    ]
    missing = 0
    for frame, (own, cum) in sorted(tables.totals.items(), key=lambda item: item[1][1]):
        missing += _cover(segments, frame, tables.frames[frame][:2], cum - own)
    for segment in segments:
        stack = [rows[frame] for frame in segment.stack]
        builder.sample(stack, [segment.count, segment.count * interval_ns])
    builder.comments = [
        "the file has no stacks: only flat and cum of frames mean something, not who calls whom"
    ]
    if missing:
        builder.comments.append(f"{missing} cumulative samples did not fit")
    return builder.build()


def _cover(segments: list[_Segment], frame: int, function: tuple[str, str], count: int) -> int:
    """Put a frame above `count` samples of others, where its function is not if possible; return the rest."""
    for anywhere in (False, True):
        for segment in list(segments):
            if count == 0:
                return 0
            if frame in segment.stack or (function in segment.functions and not anywhere):
                continue
            if segment.count > count:
                segments.append(_Segment(segment.count - count, list(segment.stack), set(segment.functions)))
                segment.count = count
            segment.stack.append(frame)
            segment.functions.add(function)
            count -= segment.count
    return count
