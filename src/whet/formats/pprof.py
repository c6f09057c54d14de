"""pprof profiles: profile.proto, gzip-compressed or plain, to and from `model.profile.Profile`.

Bytes in, model out, and back; opens no files and prints nothing. Decoding streams: the
uncompressed text is never held as a whole. The round trip is lossless: ids, order of tables,
unused strings and the presence of period_type survive.
Specification: github.com/google/pprof, proto/profile.proto; RFC 1952 for gzip.
"""

from __future__ import annotations

import io
from dataclasses import fields, is_dataclass
from typing import Any, BinaryIO

from whet import kernels
from whet.errors import FormatError
from whet.formats.packed import Packer, unpacked_blocks
from whet.formats.pprof_blocks import pprof_blocks
from whet.model.merge import without_cancelled
from whet.model.profile import Profile

__all__ = ["Merger", "decode", "decode_stream", "encode", "merger"]


def decode(data: bytes, *, source: str | None = None) -> Profile:
    """Decode a profile.

    Args:
        data: the file's content, gzip-compressed (any number of members) or not.
        source: name of the input, for error messages.

    Raises:
        FormatError: the bytes are not a consistent profile.
    """
    return decode_stream(io.BytesIO(data), source=source)


def decode_stream(stream: BinaryIO, *, source: str | None = None) -> Profile:
    """Decode a profile while it is read; the file is never held as a whole either.

    Raises:
        FormatError: the bytes are not a consistent profile.
        OSError: reading fails.
    """
    try:
        return _profile(kernels.decode_pprof(unpacked_blocks(stream)))
    except FormatError as error:
        error.source = error.source or source
        raise


class Merger:
    """Folds profiles into one and keeps none of them; the same one as `model.merge` makes."""

    def __init__(self, kernel: kernels.PprofMerger) -> None:
        self._kernel = kernel

    def add_stream(self, stream: BinaryIO) -> bool:
        """Fold in a profile while it is read.

        Returns False where its types are not those of the first one.

        Raises:
            FormatError: the bytes are not a consistent profile, or may be something else.
            OSError: reading fails.
        """
        return self._kernel.add(pprof_blocks(stream))

    def add(self, profile: Profile) -> bool:
        """Fold in a profile; returns False where its types are not those of the first one."""
        return self._kernel.add([encode(profile, compress=False)])

    def finish(self) -> Profile:
        """Return the merged profile."""
        return without_cancelled(_profile(self._kernel.finish()))


def merger() -> Merger | None:
    """Return a new merger, or None where nothing is compiled."""
    kernel = kernels.pprof_merger()
    return None if kernel is None else Merger(kernel)


def encode(profile: Profile, *, compress: bool = True) -> bytes:
    """Encode a profile; `decode` gives the same profile back.

    The bytes depend on the profile only (no time stamp in the gzip header).
    """
    pieces: list[bytes] = []
    packer = Packer() if compress else None
    kernels.write_pprof(_columns(profile), packer.write if packer else pieces.append)
    return b"".join(packer.finish() if packer else pieces)


def _columns(record: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten a record of columns: {"samples.labels.key": array, ...}."""
    flat: dict[str, Any] = {}
    for f in fields(record):
        value = getattr(record, f.name)
        if is_dataclass(value):
            flat.update(_columns(value, f"{prefix}{f.name}."))
        else:
            flat[prefix + f.name] = value
    return flat


def _profile(columns: dict[str, Any]) -> Profile:
    profile = Profile()
    _fill(profile, columns, "")
    return profile


def _fill(record: Any, columns: dict[str, Any], prefix: str) -> None:
    for f in fields(record):
        value = getattr(record, f.name)
        if is_dataclass(value):
            _fill(value, columns, f"{prefix}{f.name}.")
        else:
            setattr(record, f.name, columns[prefix + f.name])
