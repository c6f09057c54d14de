r"""Sets of characters: what one step of an expression accepts.

Classes are RE2's: Perl and POSIX classes are ASCII, `\p{...}` takes Unicode's general
categories (https://github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

__all__ = ["ANY", "CATEGORIES", "NOT_NEWLINE", "PERL", "POSIX", "CharSet", "case_variants"]

_LAST = 0x10FFFF
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CharSet:
    """A set of characters: ranges, Unicode categories, and other sets; maybe negated.

    Attributes:
        fold: whether case is ignored.
    """

    ranges: tuple[Range, ...] = ()
    categories: tuple[str, ...] = ()
    parts: tuple[CharSet, ...] = ()
    negated: bool = False
    fold: bool = False

    def accepts(self, char: str) -> bool:
        """Tell whether a character is in the set."""
        found = self._has(char)
        if not found and self.fold:
            found = any(self._has(other) for other in case_variants(char))
        return found != self.negated

    def _has(self, char: str) -> bool:
        code = ord(char)
        if any(low <= code <= high for low, high in self.ranges):
            return True
        if self.categories and unicodedata.category(char).startswith(self.categories):
            return True
        return any(part.accepts(char) for part in self.parts)


# Pairs that Python's case mappings do not connect, because they map to two characters.
_FOLDS = {"ß": "ẞ", "\u0390": "\u1fd3", "\u1fd3": "\u0390", "\u03b0": "\u1fe3", "\u1fe3": "\u03b0",
          "\ufb05": "\ufb06", "\ufb06": "\ufb05"}  # fmt: skip


def case_variants(char: str) -> set[str]:
    """Return the characters that are equal to one when case is ignored."""
    lower, upper = char.lower(), char.upper()
    found = {lower, upper, lower.upper(), upper.lower(), _FOLDS.get(char, char)}
    return {v for v in found if len(v) == 1}


def _of(text: str) -> tuple[Range, ...]:
    """Return ranges from pairs of characters: 'azAZ' is a-z and A-Z."""
    return tuple((ord(a), ord(b)) for a, b in zip(text[::2], text[1::2], strict=True))


ANY = CharSet(((0, _LAST),))
NOT_NEWLINE = CharSet(_of("\n\n"), negated=True)

PERL = {"d": CharSet(_of("09")), "s": CharSet(_of("\t\n\f\r  ")), "w": CharSet(_of("09AZ__az"))}

POSIX = {
    name: CharSet(_of(pairs))
    for name, pairs in {
        "alnum": "09AZaz", "alpha": "AZaz", "ascii": "\x00\x7f", "blank": "\t\t  ",
        "cntrl": "\x00\x1f\x7f\x7f", "digit": "09", "graph": "!~", "lower": "az", "print": " ~",
        "punct": "!/:@[`{~", "space": "\t\r  ", "upper": "AZ", "word": "09AZaz__", "xdigit": "09AFaf",
    }.items()
}  # fmt: skip

CATEGORIES = frozenset(
    "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No".split()  # noqa: SIM905 - a table
    + "P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs".split()  # noqa: SIM905
)
