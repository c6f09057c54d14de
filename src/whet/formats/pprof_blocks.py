"""Streams that are certainly pprof's, for readers that do not ask what else they may be.

Bytes in, uncompressed bytes out; opens no files. Loads no NumPy.
"""

from __future__ import annotations

from itertools import chain

from whet.errors import FormatError
from whet.formats.packed import unpacked_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

__all__ = ["pprof_blocks"]


def pprof_blocks(stream: BinaryIO) -> Iterable[bytes]:
    """Return the content of a stream in blocks.

    Raises:
        FormatError: the content may be something else than a profile, or cannot be unpacked.
        OSError: reading fails.
    """
    blocks = unpacked_blocks(stream)
    first = next(blocks, b"")
    # Every writer begins with sample_type; its bytes include one that no text has.
    if first[:1] != b"\n" or min(first[1:16], default=0) >= 9:
        raise FormatError("does not begin with a sample type")
    return chain([first], blocks)
