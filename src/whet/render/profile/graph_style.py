"""Colours of drawn call graphs, as a style sheet with a light and a dark half.

A value is one of ten steps of its share of the total, by square root, so that small shares
can still be told apart. Orange and blue are told apart by people who do not see red and
green apart; text keeps a contrast of at least 7:1 on every fill.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

from whet.render.svg import FONT

__all__ = ["page_style", "style", "value_class"]

_STEPS = 10
_RGB = tuple[int, int, int]
_Rule = tuple[str, str]
# (fill of no value, of a gain, of a loss; line of no value, of a gain, of a loss)
_LIGHT = ("f6f4f0", "ff9d55", "7db8f0", "9d978b", "b23a0e", "0f5aa6")
_DARK = ("2a2926", "7a3410", "17477a", "8a857b", "ff9a5c", "7dbcf7")
_SHAPES: list[_Rule] = [
    ("text", f"text-anchor:middle;font-family:{FONT}"),
    (".edge text", "text-anchor:start;font-size:11px"),
    (".legend text", "text-anchor:start;font-size:10px"),
    # A rim of paper colour keeps labels readable where their own line passes close by.
    (".edge text", "paint-order:stroke;stroke-width:3px;stroke-linejoin:round"),
    (".edge path", "fill:none"),
    (".dotted path", "stroke-dasharray:1.5 3"),
    (".nodelet rect", "stroke-dasharray:4 2"),
    (".node:hover rect", "stroke-width:2.5"),
    (".edge:hover path", "stroke-width:4"),
    (".edge:hover text", "font-weight:bold"),
]


def value_class(value: int, total: int) -> str:
    """Return the style class of a value: p0 .. p10 for gains, m1 .. m10 for negative ones."""
    share = min(1.0, abs(value / total)) if total else 0.0
    step = math.ceil(_STEPS * math.sqrt(share) - 1e-9)
    return f"m{step}" if value < 0 < step else f"p{step}"


@cache
def style() -> str:
    """Return the style sheet of a picture on its own, which follows the reader's setting."""
    dark = _written("", _theme(_DARK, dark=True))
    light = _written("", [*_SHAPES, *_theme(_LIGHT, dark=False)])
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


@cache
def page_style(scope: str) -> str:
    """Return the style sheet of pictures inside a page whose root says `data-theme`.

    Args:
        scope: selects the element that holds the picture.
    """
    light = _written(f"{scope} ", [*_SHAPES, *_theme(_LIGHT, dark=False)])
    return light + _written(f':root[data-theme="dark"] {scope} ', _theme(_DARK, dark=True))


def _written(prefix: str, rules: Iterable[_Rule]) -> str:
    return "".join(f"{prefix}{selector}{{{declarations}}}" for selector, declarations in rules)


def _theme(stops: tuple[str, ...], *, dark: bool) -> list[_Rule]:
    ink, paper, quiet, sunk, edge = (
        ("#f4f0e8", "#171614", "#aaa499", "#1f1e1b", "#3d3a34")
        if dark
        else ("#1f1d1a", "#fff", "#5f5a51", "#faf8f4", "#d8d3c8")
    )
    return [
        ("text", f"fill:{ink}"),
        (".paper", f"fill:{paper}"),
        (".edge text", f"stroke:{paper}"),
        (".legend .key", f"fill:{quiet}"),
        (".legend rect", f"fill:{sunk};stroke:{edge}"),
        *_colours(stops),
    ]


def _colours(stops: tuple[str, ...]) -> list[_Rule]:
    fill, gain, loss, line, line_gain, line_loss = (_rgb(stop) for stop in stops)
    rules = []
    for sign, fill_end, line_end in (("p", gain, line_gain), ("m", loss, line_loss)):
        for step in range(_STEPS + 1):
            share = step / _STEPS
            name, stroke = f".{sign}{step}", _mixed(line, line_end, min(1.0, share * 1.25))
            strength = 0.1 + 0.9 * share**1.3 if step else 0.0
            rules += [
                (f"{name} rect", f"fill:{_mixed(fill, fill_end, strength)};stroke:{stroke}"),
                (f"{name} path", f"stroke:{stroke}"),
                (f"{name} polygon", f"fill:{stroke}"),
            ]
    return rules


def _rgb(text: str) -> _RGB:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


def _mixed(one: _RGB, other: _RGB, share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return "#" + "".join(f"{c:02x}" for c in mixed)
