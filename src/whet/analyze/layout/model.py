"""What a layered layout is asked for and what it answers: boxes and links, places and routes.

Lengths are in any one unit (pixels, where the picture is an SVG); y grows downwards. Nothing
here knows what the boxes mean.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Box", "Layout", "Link", "Point", "Route", "Spacing"]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """The size of a node."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Link:
    """An edge to be drawn.

    Attributes:
        tail, head: rows of boxes; equal ones make a loop.
        weight: how much it matters, at least 1, that it is short and straight.
        length: the least number of ranks it spans, at least 1.
        label_width, label_height: room to keep free beside it.
        thickness: width of its stroke.
    """

    tail: int
    head: int
    weight: int = 1
    length: int = 1
    label_width: float = 0.0
    label_height: float = 0.0
    thickness: float = 1.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where an edge runs.

    Attributes:
        points: a start and three points for each cubic Bézier curve, from tail to head.
        label: the left end and middle height of its label, None where it has none.
        backward: it runs upwards, against the direction of the others.
    """

    points: list[Point]
    label: Point | None
    backward: bool


@dataclass(slots=True)
class Layout:
    """A finished drawing.

    Attributes:
        width, height: of everything; the upper left corner is (0, 0).
        centers: the middle of each box.
        routes: one for each link.
        crossings: how often edges cross, counted between neighbouring ranks.
    """

    width: float
    height: float
    centers: list[Point]
    routes: list[Route]
    crossings: int


@dataclass(frozen=True, slots=True)
class Spacing:
    """Least distances: between boxes, between edges, between ranks, between separate parts."""

    box: float = 18.0
    edge: float = 9.0
    rank: float = 34.0
    part: float = 40.0
