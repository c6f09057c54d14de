"""Memory and garbage collections over time, as an SVG above a line of facts.

Memory is two lines (resident, and what Python's allocators and libraries had handed out as the heap
collector saw it); each collection is a bar below them, as high as its pause. Colours are classes:
the page says what they look like by day and by night.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whet.formats.gctrace import Collections
from whet.render.svg import escape, number
from whet.units import format_value

__all__ = ["Moments", "render_over_time"]

_WIDTH, _HEIGHT = 1200, 420
_LEFT, _RIGHT, _TOP = 84, 16, 16
_MEMORY_HEIGHT, _GAP, _PAUSE_HEIGHT = 240, 34, 90
_STEPS = (1, 2, 5)
_TICKS = 6


@dataclass(frozen=True, slots=True)
class Moments:
    """Memory at moments, in the order of time.

    Attributes:
        seconds: since recording began.
        resident: bytes of the process in memory.
        traced: bytes that the heap collector knows to be in use.
    """

    seconds: Sequence[float]
    resident: Sequence[float]
    traced: Sequence[float]


def render_over_time(moments: Moments | None, collections: Sequence[Collections]) -> str:
    """Return HTML, empty where there is nothing to draw."""
    last = max([*(moments.seconds if moments else ()), *(c.end_s for c in collections), 0.0])
    if last <= 0:
        return ""
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    parts = [f'<svg class="over-time" {size} role="img"><title>memory and garbage collections</title>']
    parts += _time_axis(last)
    if moments and len(moments.seconds) > 1:
        parts += _memory(moments, last)
    parts += _pauses(collections, last)
    return "".join([*parts, "</svg>", _facts(moments, collections, last)])


def _x(seconds: float, last: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / last


def _time_axis(last: float) -> list[str]:
    y = _TOP + _MEMORY_HEIGHT + _GAP + _PAUSE_HEIGHT
    parts = [f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>']
    for at in _marks(last):
        text = format_value(round(at * 1e9), "nanoseconds") if at else "0s"
        parts.append(_text(_x(at, last), y + 18, "middle", text))
    return parts


def _marks(largest: float) -> list[float]:
    """Return round numbers from 0 to `largest`, at most about _TICKS of them."""
    step = 1e-9
    while True:
        for factor in _STEPS:
            if largest / (step * factor) <= _TICKS:
                return [step * factor * i for i in range(int(largest / (step * factor)) + 1)]
        step *= 10


def _byte_marks(largest: float) -> list[float]:
    step = 1.0
    while largest / step > _TICKS:
        step *= 2
    return [step * i for i in range(int(largest / step) + 1)]


def _memory(moments: Moments, last: float) -> list[str]:
    largest = max(*moments.resident, *moments.traced, 1.0)

    def y(value: float) -> float:
        return _TOP + _MEMORY_HEIGHT * (1 - value / largest)

    parts = _lines_across(_byte_marks(largest), y, lambda value: format_value(round(value), "bytes"))
    for name, values in (("resident", moments.resident), ("traced", moments.traced)):
        points = " ".join(
            f"{number(_x(at, last))},{number(y(value))}"
            for at, value in zip(moments.seconds, values, strict=True)
        )
        parts.append(f'<polyline class="{name}" points="{points}"/>')
    return parts


def _pauses(collections: Sequence[Collections], last: float) -> list[str]:
    if not collections:
        return []
    largest = max(1e-6, *(one.longest_ms for one in collections))
    floor = _TOP + _MEMORY_HEIGHT + _GAP + _PAUSE_HEIGHT

    def y(value: float) -> float:
        return floor - _PAUSE_HEIGHT * value / largest

    parts = _lines_across(
        [0.0, largest], y, lambda value: format_value(round(value * 1e6), "nanoseconds") if value else ""
    )
    for one in collections:
        x, top = _x(one.begin_s, last), y(one.longest_ms)
        width = max(_x(one.end_s, last) - x, 1.5)
        kind = "full" if one.full else "young"
        parts.append(
            f'<rect class="{kind}" x="{number(x)}" y="{number(top)}" width="{number(width)}" '
            f'height="{number(max(floor - top, 1))}"><title>{escape(_told(one))}</title></rect>'
        )
    return parts


def _lines_across(
    marks: Sequence[float], y: Callable[[float], float], text: Callable[[float], str]
) -> list[str]:
    parts = []
    for mark in marks:
        at = number(y(mark))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(_text(_LEFT - 8, y(mark) + 4, "end", text(mark)))
    return parts


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}">{escape(text)}</text>'


def _told(one: Collections) -> str:
    what = "full collection" if one.full else "collection"
    if one.count > 1:
        what = f"{one.count} collections, the longest"
    return f"{what} of {one.longest_ms:g} ms at {one.begin_s:g} s"


def _facts(moments: Moments | None, collections: Sequence[Collections], last: float) -> str:
    words = []
    if moments and moments.seconds:
        words.append(_legend("resident", f"resident, at most {_bytes(moments.resident)}"))
        words.append(
            _legend("traced", f"in use as the heap collector knows, at most {_bytes(moments.traced)}")
        )
    if collections:
        pause_ms = sum(one.pause_ms for one in collections)
        count = sum(one.count for one in collections)
        full = sum(one.full for one in collections)
        words.append(_legend("young", f"pause of a garbage collection, {count:_} of them".replace("_", " ")))
        words.append(_legend("full", f"full collection, {full}"))
        share = 100 * pause_ms / 1000 / last
        words.append(f"{format_value(round(pause_ms * 1e6), 'nanoseconds')} in all, {share:.2g}% of the time")
    return f'<p class="quiet legends">{" ".join(f"<span>{word}</span>" for word in words)}</p>'


def _legend(kind: str, text: str) -> str:
    return f'<i class="swatch {kind}"></i> {escape(text)}'


def _bytes(values: Sequence[float]) -> str:
    return format_value(round(max(values)), "bytes")
