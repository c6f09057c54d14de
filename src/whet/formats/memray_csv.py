"""`memray transform csv`: every kind of allocation with its whole stack.

Allocator and thread become labels. It is the export of memray that loses nothing.
Format: github.com/bloomberg/memray, src/memray/reporters/transform.py.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from whet.formats.packed import unpacked_blocks
from whet.formats.text import fail_at_line, lines
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

__all__ = ["decode", "decode_blocks"]

_TYPES = [("objects", "count"), ("space", "bytes")]
_HEADER = "allocator,num_allocations,size,tid,thread_name,stack_trace"


def decode(data: bytes) -> Profile:
    """Decode an export, packed with gzip or not; see `decode_blocks`."""
    return decode_blocks(unpacked_blocks(io.BytesIO(data)))


def decode_blocks(blocks: Iterable[bytes]) -> Profile:
    """Decode an export that arrives in blocks.

    Raises:
        FormatError: a line is not a row of the table; the error names it.
    """
    source = lines(blocks)
    if next(source, (1, ""))[1].strip() != _HEADER:
        fail_at_line(1, f"not memray's header {_HEADER}")
    builder = ProfileBuilder(_TYPES)
    places: dict[str, int] = {}
    label_sets: dict[tuple[str, str], int] = {}
    for number, text in source:
        if not text:
            continue
        allocator, count, size, tid, trace = _fields(number, text)
        stack = [_place(builder, places, part, number) for part in trace.split("|")] if trace else []
        label_set = label_sets.get((allocator, tid))
        if label_set is None:
            labels = [("allocator", allocator), ("thread", tid)]
            label_set = label_sets[allocator, tid] = builder.label_set(labels)
        builder.add(builder.stack(stack), (_integer(count, number), _integer(size, number)), label_set)
    return builder.build()


def _fields(number: int, text: str) -> tuple[str, str, str, str, str]:
    try:
        fields = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        fail_at_line(number, f"not CSV ({error})")
    if len(fields) != 6:
        fail_at_line(number, f"{len(fields)} fields instead of 6")
    allocator, count, size, tid, _, trace = fields
    return allocator, count, size, tid, trace


def _place(builder: ProfileBuilder, places: dict[str, int], text: str, number: int) -> int:
    row = places.get(text)
    if row is None:
        name, file, line = [*text.rsplit(";", 2), "", "0"][:3]
        row = places[text] = builder.frame(name, file, _integer(line, number))
    return row


def _integer(text: str, number: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        fail_at_line(number, f"{text[:40]!r} is not a number")
    return int(text)
