"""A reader of CPython's marshal format that cannot do harm.

Knows only what pstats files are made of (dict, tuple, numbers, strings, None) and refuses
code objects and everything else; nesting, sizes and references are checked before anything
is allocated, which `marshal.loads` does not promise for data from elsewhere.
Specification: CPython, Python/marshal.c.
"""

from __future__ import annotations

import struct
from typing import Any

from whet.errors import FormatError

__all__ = ["read_marshal"]

_MAX_DEPTH = 16
_FLAG_REF = 0x80
_END = object()
_CONSTANTS = {"N": None, "T": True, "F": False, "0": _END}
_SHORT_TEXTS, _LONG_TEXTS = "zZ", "aAuts"


def read_marshal(data: bytes) -> Any:
    """Return the object in `data`; texts in bytes objects become str.

    Raises:
        FormatError: it is cut off, damaged or of a type that no profile has.
    """
    reader = _Reader(data)
    value = reader.value(0)
    if value is _END:
        raise FormatError("unexpected end mark", offset=0)
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self._refs: list[Any] = []

    def value(self, depth: int) -> Any:
        start = self._at
        code = self._byte()
        kind, slot = chr(code & ~_FLAG_REF), -1
        if code & _FLAG_REF:
            # The place is taken before the content, whose references count after it.
            slot = len(self._refs)
            self._refs.append(_END)
        value = self._content(kind, depth, start)
        if slot >= 0:
            self._refs[slot] = value
        return value

    def _content(self, kind: str, depth: int, start: int) -> Any:
        if depth > _MAX_DEPTH:
            raise FormatError("nested too deep", offset=start)
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in "([":
            return self._tuple(self._size(), depth)
        if kind == ")":
            return self._tuple(self._byte(), depth)
        if kind == "{":
            return self._dict(depth)
        if kind in _SHORT_TEXTS:
            return self._text(self._byte())
        if kind in _LONG_TEXTS:
            return self._text(self._size())
        if kind == "r":
            return self._reference(start)
        return self._number(kind, start)

    def _number(self, kind: str, start: int) -> int | float:
        if kind == "i":
            return self._int32()
        if kind == "I":
            return int.from_bytes(self._take(8), "little", signed=True)
        if kind == "g":
            value: float = struct.unpack("<d", self._take(8))[0]
            return value
        if kind == "l":
            return self._long(start)
        raise FormatError(f"type {kind!r} has no place in a profile", offset=start)

    def _long(self, start: int) -> int:
        digits = self._int32()
        if abs(digits) > 10:
            raise FormatError("integer does not fit in 64 bits", offset=start)
        words = struct.unpack(f"<{abs(digits)}H", self._take(2 * abs(digits)))
        value: int = sum(word << (15 * i) for i, word in enumerate(words))
        return value if digits >= 0 else -value

    def _tuple(self, count: int, depth: int) -> tuple[Any, ...]:
        if count > len(self._data) - self._at:
            raise FormatError(f"tuple of {count} items is cut off", offset=self._at)
        return tuple([self._item(depth) for _ in range(count)])

    def _dict(self, depth: int) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        while True:
            start = self._at
            key = self.value(depth + 1)
            if key is _END:
                return result
            # Nested tuples of references would take exponential time to hash.
            parts = key if isinstance(key, tuple) else (key,)
            if len(parts) > 3 or not all(isinstance(part, str | int) for part in parts):
                raise FormatError("key of a dict is not (file, line, name)", offset=start)
            result[key] = self._item(depth)

    def _item(self, depth: int) -> Any:
        start = self._at
        value = self.value(depth + 1)
        if value is _END:
            raise FormatError("unexpected end mark", offset=start)
        return value

    def _reference(self, start: int) -> Any:
        index = self._int32()
        if not 0 <= index < len(self._refs) or self._refs[index] is _END:
            raise FormatError(f"reference to object {index} of {len(self._refs)}", offset=start)
        return self._refs[index]

    def _text(self, size: int) -> str:
        data = self._take(size)
        try:
            return data.decode("utf-8", "surrogatepass")  # as marshal writes them
        except UnicodeDecodeError:
            return data.decode("utf-8", "surrogateescape")

    def _size(self) -> int:
        size = self._int32()
        if size < 0:
            raise FormatError(f"negative size {size}", offset=self._at)
        return size

    def _byte(self) -> int:
        return self._take(1)[0]

    def _int32(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def _take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise FormatError("cut off", offset=len(self._data))
        self._at += count
        return piece
