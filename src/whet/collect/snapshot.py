"""What snapshots of collectors have in common: how they are packed, how comments tell doubts."""

import zlib

__all__ = ["doubt_lines", "packed", "spent_ns"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def packed(data: bytes) -> bytes:
    """Return a gzip container without a file name and time: equal profiles are equal bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def doubt_lines(
    statistics: "Mapping[str, float]", meanings: "Mapping[str, str]", prefix: str = ""
) -> "list[str]":
    """Return a comment for each counter of `meanings` that is not 0."""
    happened = ((name, text) for name, text in meanings.items() if statistics[name])
    return [f"whet: {prefix}{name}={statistics[name]:.0f} ({text})" for name, text in happened]


def spent_ns(names: "Iterable[str]", statistics: "Mapping[str, float]") -> float:
    """Return the CPU time that the statistics called `names` add up to."""
    return sum(statistics[name] for name in names)
