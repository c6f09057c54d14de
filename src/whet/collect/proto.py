"""The little of protobuf's wire format that reading and writing small profiles needs.

Plain Python and nothing to load: for servers, and where nothing was compiled. What measures
anything large is in native/codec. Specification: protobuf.dev/programming-guides/encoding.
"""

__all__ = ["field", "fields", "number", "numbers", "signed", "varint"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MASK = (1 << 64) - 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """Return an integer as it is written; a negative one takes ten bytes."""
    value &= _MASK
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(key: int, value: int) -> bytes:
    """Return a field that is an integer."""
    return varint(key << 3 | _VARINT) + varint(value)


def field(key: int, content: bytes) -> bytes:
    """Return a field that is bytes, a string, a message or packed numbers."""
    return varint(key << 3 | _BYTES) + varint(len(content)) + content


def fields(data: bytes) -> "Iterator[tuple[int, int, bytes]]":
    """Yield (key, number, content) of each field; one of the last two is 0 or empty.

    Raises:
        ValueError, IndexError: the bytes are no message.
    """
    at = 0
    while at < len(data):
        tag, at = _read(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read(data, at)
            yield tag >> 3, value, b""
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = _read(data, at)
        if size is None or at + size > len(data):
            raise ValueError("not a message")
        yield tag >> 3, 0, data[at : at + size]
        at += size


def numbers(content: bytes) -> list[int]:
    """Return packed numbers, signed."""
    found, at = [], 0
    while at < len(content):
        value, at = _read(content, at)
        found.append(signed(value))
    return found


def signed(value: int) -> int:
    """Return the int64 that was written as `value`."""
    return value - (1 << 64) if value >> 63 else value


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _MASK, at
        shift += 7
        if shift > 63:
            raise ValueError("not a message")
