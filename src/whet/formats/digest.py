"""pprof profiles as digests: no more than a table of functions needs, and no NumPy.

Bytes in, digest out; opens no files. The codec is that of `formats.pprof`.
"""

from __future__ import annotations

from itertools import chain

from whet import kernels
from whet.errors import FormatError
from whet.formats.packed import unpacked_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from whet.kernels.reference import Digest

__all__ = ["digest_stream"]


def digest_stream(stream: BinaryIO, *, source: str | None = None) -> Digest:
    """Digest a profile while it is read.

    Raises:
        FormatError: the bytes are not a consistent profile, or may be something else.
        OSError: reading fails.
    """
    try:
        blocks = unpacked_blocks(stream)
        first = next(blocks, b"")
        # Every writer begins with sample_type; its bytes include one that no text has.
        if first[:1] != b"\n" or min(first[1:16], default=0) >= 9:
            raise FormatError("does not begin with a sample type")
        return kernels.digest_pprof(chain([first], blocks))
    except FormatError as error:
        error.source = error.source or source
        raise
