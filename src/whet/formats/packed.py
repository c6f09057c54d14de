"""Streams that may be gzip: their content in blocks, so that it is never held as a whole.

Knows no particular format. Specification: RFC 1952.
"""

from __future__ import annotations

from whet import kernels
from whet.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["GZIP_WINDOW", "unpacked_blocks"]

GZIP_WINDOW = 31  # zlib's code for "a gzip member with the largest window"
_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK_BYTES = 1 << 17
# Nothing real comes near; what does is a decompression bomb.
_MAX_UNPACKED_BYTES = 1 << 32


def unpacked_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the content of a stream in blocks, uncompressed where it is gzip.

    Raises:
        FormatError: the gzip stream is damaged, cut off or a decompression bomb.
        OSError: reading fails.
    """
    first = stream.read(_BLOCK_BYTES)
    if first.startswith(_GZIP_MAGIC):
        yield from _gunzip(first, stream)
        return
    while first:
        yield first
        first = stream.read(_BLOCK_BYTES)


def _gunzip(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    pieces = [first]

    def read(size: int) -> bytes:
        piece = pieces.pop() if pieces else stream.read(size)
        if len(piece) > size:
            pieces.append(piece[size:])
        return piece[:size]

    unpacked_bytes = 0
    for block in kernels.gunzip(read):
        unpacked_bytes += len(block)
        if unpacked_bytes > _MAX_UNPACKED_BYTES:
            raise FormatError(f"unpacks to more than {_MAX_UNPACKED_BYTES >> 30} GiB")
        yield block
