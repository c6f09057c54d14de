"""Expressions as options give them: compiled once, searched, unanchored, in many names."""

from __future__ import annotations

from collections.abc import Callable

from whet.analyze.regexp.automaton import Automaton
from whet.analyze.regexp.syntax import RegexpSyntaxError, parse
from whet.errors import UsageError

__all__ = ["Pattern", "compile_option", "compile_pattern"]

_SPECIAL = frozenset("\\.+*?()|[]{}^$")


class Pattern:
    """A compiled expression that can be asked whether a text contains a match.

    Raises:
        RegexpSyntaxError: the expression is malformed.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.search: Callable[[str], bool]
        if _SPECIAL.isdisjoint(source):
            self.search = lambda text: source in text
        else:
            self.search = Automaton(parse(source)).search


def compile_pattern(source: str, *, name: str) -> Pattern:
    """Compile an expression; `name` is the option it was given as.

    Raises:
        UsageError: the expression is malformed.
    """
    try:
        return Pattern(source)
    except RegexpSyntaxError as problem:
        raise UsageError(
            f"parsing {name} regexp {source!r}: {problem}",
            hint="expressions have RE2's syntax; \\Q...\\E takes text as it is",
        ) from None


def compile_option(name: str, source: str) -> Pattern | None:
    """Compile the expression of an option; None where the option is empty."""
    return compile_pattern(source, name=name) if source else None
