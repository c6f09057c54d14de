"""Every error whet raises on purpose.

    WhetError                  anything a user can act upon; the command line prints it and exits with 2
    ├── UsageError             the call itself is wrong (option, argument, combination)
    ├── FormatError            bytes that are not what they claim to be; knows source and offset
    ├── SourceError            a file or address that cannot be read or written
    └── CollectError           this interpreter or machine cannot be measured, or is being measured already

An error's text starts in lower case, names the thing that is wrong and does not end with a stop.
`hint` says what to do next; it is shown on a line of its own.
"""

__all__ = ["CollectError", "FormatError", "SourceError", "UsageError", "WhetError"]


class WhetError(Exception):
    """Base of all errors whose text is meant for the user."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(WhetError):
    """The call is wrong: an unknown option, a bad value, a missing argument."""


class SourceError(WhetError):
    """A file, directory or address named by the user cannot be read or written."""


class CollectError(WhetError):
    """Collecting is not possible here, or is going on already."""


class FormatError(WhetError):
    """Malformed input.

    Args:
        message: what is wrong, without the place.
        offset: byte offset in the (decompressed) input, or None where there is none.
        source: the name of the input; filled in by whoever knows it.
    """

    def __init__(
        self,
        message: str,
        *,
        offset: int | None = None,
        source: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.offset = offset
        self.source = source

    def __str__(self) -> str:
        place = f" at byte {self.offset}" if self.offset is not None else ""
        name = f"{self.source}: " if self.source else ""
        return f"{name}{self.message}{place}"
