"""The three writers a command gets, so that tests call the real command in-process.

Data goes to `out`, talk (progress, warnings, errors) to `err`. Text is written as UTF-8
with `surrogateescape`, because names in profiles are bytes.
"""

from __future__ import annotations

import os
import sys

from whet.errors import FormatError, SourceError, WhetError

# `whet run` waits for this module: dataclasses and typing would double its start-up.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["Streams", "describe"]


class Streams:
    """Where a command writes: both are byte streams."""

    __slots__ = ("err", "out")

    def __init__(self, out: BinaryIO, err: BinaryIO) -> None:
        self.out = out
        self.err = err

    @classmethod
    def standard(cls) -> Streams:
        """Return the streams of this process; a closed one swallows what is written."""
        return cls(_binary(sys.stdout), _binary(sys.stderr))

    def write(self, text: str) -> None:
        """Write text as data."""
        self.write_bytes(text.encode("utf-8", "surrogateescape"))

    def write_bytes(self, data: bytes) -> None:
        """Write bytes as data.

        Raises:
            SourceError: they cannot be written (no space left).
        """
        try:
            self.out.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise output_error(error) from None

    def flush(self) -> None:
        """Write out what is buffered; raises as `write_bytes` does."""
        try:
            self.out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise output_error(error) from None

    def can_flush(self) -> bool:
        """Write out what is buffered; tell whether that succeeded."""
        try:
            self.out.flush()
        except OSError:
            return False
        return True

    def talk(self, text: str) -> None:
        """Write a line to the user, flushed."""
        try:
            self.err.write(text.encode("utf-8", "backslashreplace") + b"\n")
            self.err.flush()
        except OSError:
            pass  # nobody is there to be told

    def out_is_terminal(self) -> bool:
        """Tell whether data goes to a terminal."""
        return _is_terminal(self.out)


def _binary(stream: object) -> BinaryIO:
    buffer: BinaryIO | None = getattr(stream, "buffer", None)
    if buffer is not None:
        return buffer
    # Python sets sys.stdout to None when descriptor 1 is closed.
    return os.fdopen(os.open(os.devnull, os.O_WRONLY), "wb")


def _is_terminal(stream: BinaryIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def output_error(error: OSError) -> SourceError:
    """Return the error for output that cannot be written."""
    return SourceError(f"standard output: {(error.strerror or str(error)).lower()}")


def describe(error: WhetError) -> list[str]:
    """Return the lines that tell a user about an error: one of what, one of what to do."""
    hint = error.hint
    if hint is None and isinstance(error, FormatError):
        hint = "docs/formats.md lists the formats that whet reads"
    lines = [f"whet: error: {' '.join(str(error).split())}"]
    if hint:
        lines.append(f"hint: {hint}")
    return lines
