"""Numbers as Go's strconv reads and writes them; Python's own rules differ at the edges."""

from __future__ import annotations

import math
import re
from decimal import Decimal

__all__ = ["format_float", "parse_float"]

_DECIMAL = re.compile(r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F_]+(?:\.[0-9a-fA-F_]*)?|\.[0-9a-fA-F_]+)[pP][+-]?[0-9]+")
_SPECIAL = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_BAD_UNDERSCORE = re.compile(r"(?<![0-9a-fA-FxXbBoO])_|_(?![0-9a-fA-F])")
_SPECIAL_TEXTS = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def parse_float(text: str) -> float:
    """Parse a number; hexadecimal ones, underscores, `inf` and `NaN` are numbers too.

    Raises:
        ValueError: "invalid syntax" or "value out of range".
    """
    if _SPECIAL.fullmatch(text):
        return float(text)
    if "_" in text and _BAD_UNDERSCORE.search(text):
        raise ValueError("invalid syntax")
    plain = text.replace("_", "")
    if _DECIMAL.fullmatch(text):
        value = float(plain)
    elif _HEXADECIMAL.fullmatch(text):
        try:
            value = float.fromhex(plain)
        except OverflowError:
            value = math.inf
    else:
        raise ValueError("invalid syntax")
    if math.isinf(value):
        raise ValueError("value out of range")
    return value


def format_float(value: float) -> str:
    """Write the shortest text that reads back the same, as `%v` does: exponents from 1e6 and below 1e-4."""
    text = repr(value)
    if text.endswith(".0"):
        text = text[:-2]
    if -1e6 < value < 1e6 or text in _SPECIAL_TEXTS:
        return _SPECIAL_TEXTS.get(text, text)
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    power = len(digits) - 1 + exponent
    mantissa = "".join(map(str, digits)).rstrip("0")
    fraction = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{'-' if sign else ''}{mantissa[0]}{fraction}e+{power:02d}"
