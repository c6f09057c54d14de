"""Small parts every SVG needs: escaped text, short numbers, the width of a text.

Widths are those of Helvetica, which Arial and Liberation Sans share; the font family asks
for these. Text from profiles may hold anything, so what XML cannot hold becomes U+FFFD.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["FONT", "escape", "number", "text_width"]

FONT = "Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif"

_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_SPECIAL = re.compile('[&<>"]')

# Advance widths of the characters from space to tilde, in thousandths of the font size.
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    *[556] * 10, 278, 278, 584, 584, 584, 556, 1015,
    667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722,
    667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333,
    556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333,
    500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_OTHER = 667
_WIDE = 1000


def escape(text: str) -> str:
    """Return text that may stand in XML, also in an attribute."""
    return _SPECIAL.sub(lambda m: _ENTITIES[m[0]], _INVALID.sub("�", text))


def number(value: float) -> str:
    """Write a coordinate with at most one decimal."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def text_width(text: str, size: float) -> float:
    """Return how wide a text is at most."""
    total = 0
    for character in text:
        code = ord(character)
        if 32 <= code < 127:
            total += _WIDTHS[code - 32]
        else:
            total += _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER
    return total * size / 1000
