"""Unpacking gzip in pieces, with zlib: the twin and oracle of native/codec/gunzip.

Specification: RFC 1951, RFC 1952.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from whet.errors import FormatError

__all__ = ["gunzip"]

_WINDOW = 31  # zlib's code for "a gzip member with the largest window"
_BLOCK_BYTES = 1 << 17


def gunzip(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the content of all gzip members in blocks; zero bytes after a member are padding.

    Args:
        read: returns at most so many bytes as it is asked for, none at the end.

    Raises:
        FormatError: the stream is damaged or cut off.
    """
    piece = read(_BLOCK_BYTES)
    while True:
        unpacker = zlib.decompressobj(_WINDOW)
        while not unpacker.eof:
            block = _unpacked(unpacker, piece)
            if block:
                yield block
            elif not piece:
                raise FormatError("gzip stream is cut off")
            piece = unpacker.unconsumed_tail or (b"" if unpacker.eof else read(_BLOCK_BYTES))
        piece = unpacker.unused_data.lstrip(b"\0")
        while not piece:
            more = read(_BLOCK_BYTES)
            if not more:
                return
            piece = more.lstrip(b"\0")


def _unpacked(unpacker: Any, piece: bytes) -> bytes:
    try:
        block: bytes = unpacker.decompress(piece, _BLOCK_BYTES)
    except zlib.error as error:
        raise FormatError(f"gzip stream is damaged ({error})") from None
    return block
