"""How long and how often to measure, as people write it: "300ms", "100x", "10"."""

from __future__ import annotations

from dataclasses import replace

from whet import units
from whet.driver.bench import Options
from whet.errors import UsageError

__all__ = ["parse_benchtime", "parse_duration_s", "parse_whole"]


def parse_benchtime(options: Options, name: str, text: str) -> Options:
    """Return options with a time ("1s") or a number of iterations ("100x").

    Raises:
        UsageError: it is neither; `name` is the option that is blamed.
    """
    if text.endswith("x"):
        return replace(options, iterations=parse_whole(name, text[:-1]))
    return replace(options, budget_s=parse_duration_s(name, text))


def parse_duration_s(name: str, text: str) -> float:
    """Return seconds.

    Raises:
        UsageError: it is no time above 0.
    """
    seconds = units.parse_duration_s(text)
    if seconds is None:
        raise UsageError(f"{name}: {text!r} is no time", hint='for example "1s" or "300ms"')
    return seconds


def parse_whole(name: str, text: str) -> int:
    """Return a whole number above 0.

    Raises:
        UsageError: it is none.
    """
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 1_000_000_000:
        raise UsageError(f"{name}: {text!r} is not a whole number above 0")
    return int(text)
