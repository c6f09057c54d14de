"""pprof profiles as digests: no more than a table of functions needs, and no NumPy.

Bytes in, digest out; opens no files. The codec is that of `formats.pprof`.
"""

from __future__ import annotations

from whet import kernels
from whet.errors import FormatError
from whet.formats.pprof_blocks import pprof_blocks

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
        return kernels.digest_pprof(pprof_blocks(stream))
    except FormatError as error:
        error.source = error.source or source
        raise
