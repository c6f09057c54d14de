"""Curves through gates: the shortest line that keeps between walls, then made smooth.

A route runs downwards, so it is a function x(y). Gates are horizontal slots it has to pass.
The taut line through them turns at gates' corners only; between its corners the route is a
monotone cubic (Fritsch and Carlson, "Monotone Piecewise Cubic Interpolation"), which does
not overshoot; where it would still touch a wall, it gets one more corner.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from whet.analyze.layout.model import Point

__all__ = ["Gate", "smooth_route", "x_at"]

_END_SLOPE = 0.35  # of the straight line's slope: ends are steeper than the way between them
_TOLERANCE = 0.5


class Gate(NamedTuple):
    """A slot between two walls."""

    y: float
    low: float
    high: float


def smooth_route(start: Point, gates: list[Gate], end: Point) -> list[Point]:
    """Return Bézier points of a smooth way from start down to end through all gates."""
    knots = _taut(start, gates, end)
    for _ in range(len(gates)):
        slopes = _slopes(knots)
        missed = _worst_miss(knots, slopes, gates)
        if missed is None:
            break
        knots = sorted({*knots, missed}, key=lambda p: p[1])
    return _bezier(knots, _slopes(knots))


def x_at(points: list[Point], y: float) -> float:
    """Return where a route made by `smooth_route` is at height y."""
    for i in range(0, len(points) - 3, 3):
        top, bottom = points[i], points[i + 3]
        if y <= bottom[1] or i + 4 == len(points):
            t = (y - top[1]) / (bottom[1] - top[1]) if bottom[1] > top[1] else 0.0
            t = min(1.0, max(0.0, t))
            a, b, c, d = (p[0] for p in points[i : i + 4])
            s = 1 - t
            return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d
    return points[0][0]


def _taut(start: Point, gates: list[Gate], end: Point) -> list[Point]:
    """Return the corners of the shortest line."""
    slots = [g for g in gates if start[1] < g.y < end[1]] + [Gate(end[1], end[0], end[0])]
    line, first = [start], 0
    while first < len(slots):
        x, y = line[-1]
        low, high, low_at, high_at = -math.inf, math.inf, first, first
        turn: tuple[float, int] | None = None
        for at in range(first, len(slots)):
            gate = slots[at]
            height = max(gate.y - y, 1e-9)
            left, right = (gate.low - x) / height, (gate.high - x) / height
            if left > high:
                turn = (slots[high_at].high, high_at)
                break
            if right < low:
                turn = (slots[low_at].low, low_at)
                break
            if left >= low:
                low, low_at = left, at
            if right <= high:
                high, high_at = right, at
        if turn is None:
            line.append(end)
            break
        line.append((turn[0], slots[turn[1]].y))
        first = turn[1] + 1
    return line


def _slopes(knots: list[Point]) -> list[float]:
    """Return dx/dy at each knot such that no piece overshoots."""
    secants = [(b[0] - a[0]) / max(b[1] - a[1], 1e-9) for a, b in itertools.pairwise(knots)]
    slopes = [secants[0] * _END_SLOPE]
    for one, other in itertools.pairwise(secants):
        slopes.append(0.0 if one * other <= 0 else 2 * one * other / (one + other))
    return [*slopes, secants[-1] * _END_SLOPE]


def _worst_miss(knots: list[Point], slopes: list[float], gates: list[Gate]) -> Point | None:
    """Return the point of a gate that the curve misses most, or None."""
    worst, found = _TOLERANCE, None
    piece = 0
    for gate in gates:
        while piece < len(knots) - 2 and gate.y > knots[piece + 1][1]:
            piece += 1
        (ax, ay), (bx, by) = knots[piece], knots[piece + 1]
        height = by - ay
        if not ay < gate.y < by:
            continue
        t = (gate.y - ay) / height
        s = 1 - t
        x = (
            s * s * (1 + 2 * t) * ax + t * t * (3 - 2 * t) * bx
            + height * (t * s * s * slopes[piece] - t * t * s * slopes[piece + 1])
        )  # fmt: skip
        miss = max(gate.low - x, x - gate.high)
        if miss > worst:
            worst, found = miss, (min(max(x, gate.low), gate.high), gate.y)
    return found


def _bezier(knots: list[Point], slopes: list[float]) -> list[Point]:
    points = [knots[0]]
    for i in range(len(knots) - 1):
        (ax, ay), (bx, by) = knots[i], knots[i + 1]
        third = (by - ay) / 3
        points += [(ax + slopes[i] * third, ay + third), (bx - slopes[i + 1] * third, by - third), (bx, by)]
    return points
