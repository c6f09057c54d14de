"""The lines of `gc.txt`, one a garbage collection or a few neighbours; docs/gc.md describes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Collections", "decode"]

_LINE = re.compile(
    r"gc (?P<first>\d+)(?:-(?P<last>\d+))? @(?P<begin>[\d.]+)(?:-(?P<end>[\d.]+))?s [\d.]+%: "
    r"gen (?P<generations>\S+), (?P<pause>[\d.]+) ms(?: \(longest (?P<longest>[\d.]+)\))?, "
)
_FULL = re.compile(r"^2$|(?:^|\+)2x")


@dataclass(frozen=True, slots=True)
class Collections:
    """One garbage collection, or several that share a line.

    Attributes:
        count: how many.
        begin_s, end_s: when the first and the last of them began, seconds since recording began.
        pause_ms, longest_ms: how long all of them took together, and the longest one.
        full: whether one of them looked at all objects.
    """

    count: int
    begin_s: float
    end_s: float
    pause_ms: float
    longest_ms: float
    full: bool


def decode(text: str) -> list[Collections]:
    """Return the collections in the order of their lines; what is no such line is passed over."""
    return [_collections(found) for line in text.splitlines() if (found := _LINE.match(line))]


def _collections(found: re.Match[str]) -> Collections:
    begin = float(found["begin"])
    pause = float(found["pause"])
    return Collections(
        count=int(found["last"] or found["first"]) - int(found["first"]) + 1,
        begin_s=begin,
        end_s=float(found["end"] or begin),
        pause_ms=pause,
        longest_ms=float(found["longest"] or pause),
        full=bool(_FULL.search(found["generations"])),
    )
