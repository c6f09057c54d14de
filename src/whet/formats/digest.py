"""pprof profiles as digests: no more than a table of functions needs, and no NumPy.

Bytes in, digest out; opens no files. The codec is that of `formats.pprof`.
"""

from __future__ import annotations

from whet import kernels
from whet.errors import FormatError
from whet.formats.packed import Packer
from whet.formats.pprof_blocks import pprof_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    from whet.kernels.reference import Digest

__all__ = ["digest_stream", "packed_copy"]


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


def packed_copy(stream: BinaryIO, *, wanted: Callable[[dict[str, Any]], bool]) -> list[bytes] | None:
    """Decode a profile and encode it again as it is, packed, in pieces; `formats.pprof` without NumPy.

    Returns None where nothing is compiled, and where the facts of the profile (see
    `kernels.reference.Digest.facts`) are not `wanted`.

    Raises:
        FormatError: the bytes are not a consistent profile, or may be something else.
        OSError: reading fails.
    """
    copy = kernels.copy_pprof(pprof_blocks(stream))
    if copy is None or not wanted(copy.facts()):
        return None
    packer = Packer()
    copy.encode(packer.write)
    return packer.finish()
