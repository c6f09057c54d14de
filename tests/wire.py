"""Hand-made protocol buffer fields: inputs that no encoder of ours would write."""

from __future__ import annotations

__all__ = ["content", "fixed32", "fixed64", "number", "varint"]


def varint(value: int) -> bytes:
    """Encode an integer, negative ones as 64-bit two's complement."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    """Encode a varint field."""
    return varint(field << 3) + varint(value)


def content(field: int, payload: bytes) -> bytes:
    """Encode a length-delimited field."""
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def fixed64(field: int) -> bytes:
    """Encode a 64-bit field of zero."""
    return varint(field << 3 | 1) + bytes(8)


def fixed32(field: int) -> bytes:
    """Encode a 32-bit field of zero."""
    return varint(field << 3 | 5) + bytes(4)
