"""Streams that may be gzip: their content in blocks, so that it is never held as a whole.

A stream may hold 4 GiB, unpacked, and gzip not more than 500 times its own size (real profiles shrink
by 3 to 50 times): what is beyond is endless or a decompression bomb. WHET_MAX_INPUT_GIB in the
environment sets another limit, 0 none. Knows no particular format. Specification: RFC 1952.
"""

from __future__ import annotations

import os

from whet import kernels
from whet.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["GZIP_WINDOW", "Packer", "max_input_bytes", "unpacked_blocks"]

GZIP_WINDOW = 31  # zlib's code for "a gzip member with the largest window"
_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK_BYTES = 1 << 17
_MAX_INPUT_GIB = 4
_MAX_RATIO = 500
_RATIO_COUNTS_FROM_BYTES = 1 << 26
_LIMIT = "WHET_MAX_INPUT_GIB"
_LIMIT_HINT = (
    f"if the file is in order: {_LIMIT}=0 in the environment, or another number than {_MAX_INPUT_GIB}"
)


def max_input_bytes() -> int | None:
    """Return how many bytes an input may have, unpacked; None is any number.

    Raises:
        FormatError: the environment names no number.
    """
    text = os.environ.get(_LIMIT) or str(_MAX_INPUT_GIB)
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise FormatError(f"{_LIMIT} is {text[:20]!r}, not a number of GiB", hint="0 is no limit")
    return int(text) << 30 if int(text) else None


class Packer:
    """Packs what is written as one gzip member; the bytes depend on the content only."""

    def __init__(self) -> None:
        import zlib

        self._pieces: list[bytes] = []
        # What pprof's own files are packed with takes many times longer, for next to nothing.
        self._packer = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, GZIP_WINDOW)

    def write(self, block: bytes) -> None:
        """Pack a block."""
        self._pieces.append(self._packer.compress(block))

    def finish(self) -> list[bytes]:
        """Return everything, in pieces."""
        self._pieces.append(self._packer.flush())
        return self._pieces


def unpacked_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the content of a stream in blocks, uncompressed where it is gzip.

    Raises:
        FormatError: the gzip stream is damaged or cut off, or there is more than is allowed.
        OSError: reading fails.
    """
    first = stream.read(_BLOCK_BYTES)
    is_packed = first.startswith(_GZIP_MAGIC)
    source = _Source(first, stream)
    limit, total = max_input_bytes(), 0
    for block in kernels.gunzip(source.read) if is_packed else iter(source.block, b""):
        total += len(block)
        if limit is not None:
            if total > limit:
                what = "unpacks to" if is_packed else "has"
                raise FormatError(f"{what} more than {limit >> 30} GiB", hint=_LIMIT_HINT)
            if is_packed and total > max(_MAX_RATIO * source.taken_bytes, _RATIO_COUNTS_FROM_BYTES):
                raise FormatError(f"unpacks to more than {_MAX_RATIO} times its size", hint=_LIMIT_HINT)
        yield block


class _Source:
    """A stream whose first block was read already."""

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._first, self._stream = first, stream
        self.taken_bytes = 0

    def block(self) -> bytes:
        return self.read(_BLOCK_BYTES)

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, none at the end."""
        if self._first:
            piece, self._first = self._first[:size], self._first[size:]
        else:
            piece = self._stream.read(size)
        self.taken_bytes += len(piece)
        return piece
