"""Protocol buffer wire format: varints and field headers with exact positions of errors.

Oracle of the native decoder: slow and plain. Nothing here knows about profiles.
Specification: protobuf.dev/programming-guides/encoding; strictness as in pprof's reader
(varints of up to ten bytes, bits above 64 dropped; groups are refused).
"""

from __future__ import annotations

from collections.abc import Iterator

from whet.errors import FormatError

__all__ = [
    "BYTES",
    "FIXED32",
    "FIXED64",
    "VARINT",
    "fields",
    "packed",
    "varint",
    "write_varint",
]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_MAX_VARINT_BYTES = 10
_MASK = (1 << 64) - 1
_PLAIN_BITS = 56  # a varint of up to nine bytes cannot have bits above 64


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the unsigned 64-bit varint at `at` and the position after it.

    Raises:
        FormatError: it does not end before `end`, or has more than ten bytes.
    """
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = shift = 0
    for position in range(at, min(end, at + _MAX_VARINT_BYTES)):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, position + 1
        shift += 7
    if at + _MAX_VARINT_BYTES <= end:
        raise FormatError("varint of more than 10 bytes", offset=at)
    raise FormatError("varint is cut off", offset=at)


def packed(data: bytes, at: int, end: int) -> list[int]:
    """Return the varints that fill data[at:end].

    Raises:
        FormatError: the last one does not end there, or one has more than ten bytes.
    """
    content = data[at:end]
    if content.isascii():
        return list(content)
    values: list[int] = []
    value = shift = 0
    for byte in content:
        if byte > 0x7F:
            value |= (byte & 0x7F) << shift
            shift += 7
        elif shift:
            if shift > _PLAIN_BITS:
                return _packed_carefully(data, at, end)
            values.append(value | byte << shift)
            value = shift = 0
        else:
            values.append(byte)
    return _packed_carefully(data, at, end) if shift else values


def _packed_carefully(data: bytes, at: int, end: int) -> list[int]:
    values = []
    while at < end:
        value, at = varint(data, at, end)
        values.append(value)
    return values


def fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (offset of the key, field number, wire type, a, b) for each field of a message.

    For VARINT and the fixed types `a` is the value; for BYTES the content is data[a:b].

    Raises:
        FormatError: a bad varint, an unknown wire type, or a length beyond `end`.
    """
    while at < end:
        key_at = at
        key = data[at]
        if key < 0x80:
            at += 1
        else:
            key, at = varint(data, at, end)
        wire = key & 7
        if wire == VARINT:
            value, at = varint(data, at, end)
            yield key_at, key >> 3, wire, value, at
            continue
        if wire == BYTES:
            size, at = varint(data, at, end)
        elif wire == FIXED64:
            size = 8
        elif wire == FIXED32:
            size = 4
        else:
            raise FormatError(f"unknown wire type {wire}", offset=key_at)
        if size > end - at:
            raise FormatError(f"field of {size} bytes is cut off", offset=key_at)
        if wire == BYTES:
            yield key_at, key >> 3, wire, at, at + size
        else:
            yield (
                key_at,
                key >> 3,
                wire,
                int.from_bytes(data[at : at + size], "little"),
                at + size,
            )
        at += size


def write_varint(out: bytearray, value: int) -> None:
    """Append an integer (negative ones as 64-bit two's complement)."""
    value &= _MASK
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
