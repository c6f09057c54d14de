"""A row's measurements as an SVG: a strip of dots for each column, with median and interval.

Every strip of a row shares an axis from the smallest to the largest value. Colours are classes:
the page says what they look like by day and by night.
"""

from __future__ import annotations

import math

import numpy as np

from whet.analyze.stat.table import Tables
from whet.render.stat.numbers import Scale
from whet.render.svg import escape, number

__all__ = ["HEIGHT", "WIDTH", "column_class", "strip_svg"]

WIDTH, HEIGHT = 240, 18
_MARGIN = 6
_LABELS = 11
_CLASSES = ("old", "new", "third", "fourth")
_MOST_DOTS = 400
# Dots of one strip take turns on these lines, so that equal values are seen as several.
_LINES = (0.0, -3.0, 3.0, -1.5, 1.5)


def column_class(column: int) -> str:
    """Return the class of a column's colour; the last one is used again and again."""
    return _CLASSES[min(column, len(_CLASSES) - 1)]


def strip_svg(tables: Tables, cells: list[int], names: list[str], title: str, scale: Scale) -> str:
    """Draw the cells of a row above the ends of their axis; -1 leaves a strip empty."""
    present = [tables.measurements.observed(cell) for cell in cells if cell >= 0]
    values = np.concatenate([v[np.isfinite(v)] for v in present]) if present else np.empty(0)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    height = HEIGHT * len(cells) + _LABELS
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [f'<svg class="strip" {size} role="img"><title>{escape(title)}</title>']
    for row, cell in enumerate(cells):
        y = HEIGHT * row + HEIGHT / 2
        parts.append(f'<line class="axis" x1="0" x2="{WIDTH}" y1="{number(y)}" y2="{number(y)}"/>')
        if cell >= 0:
            parts.append(_strip(tables, cell, names[row], y, (low, high), column_class(row)))
    return "".join([*parts, _labels(low, high, height - 1, scale), "</svg>"])


def _labels(low: float, high: float, y: int, scale: Scale) -> str:
    if low == high:
        places = [(WIDTH // 2, "middle", low)]
    else:
        places = [(0, "start", low), (WIDTH, "end", high)]
    return "".join(
        f'<text class="end" x="{x}" y="{y}" text-anchor="{anchor}">{escape(scale.format(value))}</text>'
        for x, anchor, value in places
    )


def _strip(tables: Tables, cell: int, name: str, y: float, bounds: tuple[float, float], kind: str) -> str:
    low, high = bounds

    def x(value: float) -> str:
        share = 0.5 if high <= low else (min(max(value, low), high) - low) / (high - low)
        return number(_MARGIN + share * (WIDTH - 2 * _MARGIN))

    summaries = tables.summaries
    center = float(summaries.center[cell])
    left, right = x(float(summaries.low[cell])), x(float(summaries.high[cell]))
    width = number(max(1.0, float(right) - float(left)))
    pieces = [f'<g class="{kind}"><title>{escape(name)}</title>']
    pieces.append(
        f'<rect class="interval" x="{left}" y="{number(y - 6)}" width="{width}" height="12" rx="2"/>'
    )
    # One path of dots without length: a tenth of what as many circles take.
    dots = "".join(
        f"M{x(value)} {number(y + _LINES[i % len(_LINES)])}h0"
        for i, value in enumerate(_some(tables.measurements.observed(cell).tolist()))
        if math.isfinite(value)
    )
    pieces.append(f'<path class="dots" d="{dots}"/>')
    if math.isfinite(center):
        at = x(center)
        pieces.append(f'<path class="center" d="M{at} {number(y - 8)}v16"/>')
    return "".join([*pieces, "</g>"])


def _some(values: list[float]) -> list[float]:
    """Return at most so many values, evenly chosen in the order of measuring."""
    step = max(1, math.ceil(len(values) / _MOST_DOTS))
    return values[::step]
