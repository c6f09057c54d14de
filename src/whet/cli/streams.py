"""The three writers a command gets, so that tests call the real command in-process.

Data goes to `out`, talk (progress, warnings, errors) to `err`. Text is written as UTF-8
with `surrogateescape`, because names in profiles are bytes.
"""

from __future__ import annotations

import os
import sys
import time

from whet.errors import FormatError, SourceError, WhetError

# `whet run` waits for this module: dataclasses and typing would double its start-up.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

__all__ = ["Progress", "Streams", "describe"]

_PATIENCE_S = 1.5
_PAUSE_S = 0.2


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
        left = memoryview(data)
        try:
            # A stream without a buffer (python -u) may take a part: a signal ends a write to a full pipe.
            while left:
                left = left[self.out.write(left) :]
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


class Progress:
    """A line on the user's terminal about work that takes longer than a moment; none elsewhere."""

    def __init__(self, streams: Streams, clock: Callable[[], float] | None = None) -> None:
        self._err = streams.err
        self._clock = clock or time.monotonic
        self._next_s = self._clock() + _PATIENCE_S
        self._is_shown = False

    def show(self, what: str, done: int, total: int) -> None:
        """Say how far the work is, but not at once and not too often."""
        now_s = self._clock()
        if now_s < self._next_s or not _is_terminal(self._err):
            return
        self._next_s = now_s + _PAUSE_S
        self._is_shown = True
        self._write(f"\r{what}: {done:,} of {total:,}\x1b[K")

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self._err.write(text.encode())
            self._err.flush()
        except OSError:
            pass  # nobody is there to be told


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
