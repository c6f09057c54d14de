"""Heights of rows, and edges as curves that pass between the boxes and labels of each row."""

from __future__ import annotations

from dataclasses import dataclass

from whet.analyze.layout.curves import Gate, smooth_route, x_at
from whet.analyze.layout.levels import Levels
from whet.analyze.layout.model import Box, Layout, Link, Point, Route, Spacing
from whet.analyze.layout.position import Extents

__all__ = ["Frame", "loop_width", "route_edges"]

_LOOP = 22.0
_PORT_STEP = 14.0
_MOST_OF_SIDE = 0.85  # how much of a box's side edges may use
_STEEPNESS = 0.1  # extra height of a gap for each unit that its edges run sideways
_MOST_EXTRA = 60.0
_WIDE = 1e5  # a slot without a neighbour
_FAR = 500.0  # nothing beside a node is looked at beyond this


@dataclass(slots=True)
class Frame:
    """Everything known once the nodes have their places; `x` is by node of `levels`."""

    boxes: list[Box]
    links: list[Link]
    across: list[int]
    back: list[bool]
    levels: Levels
    labelled: list[int]
    extents: Extents
    x: list[float]
    spacing: Spacing


def loop_width(links: list[Link]) -> dict[int, float]:
    """Return the room that loops need at the right side of their boxes."""
    widths: dict[int, float] = {}
    for link in links:
        if link.tail == link.head:
            widths[link.tail] = max(widths.get(link.tail, 0.0), _LOOP + link.label_width)
    return widths


def route_edges(frame: Frame, crossings: int) -> Layout:
    """Return the finished layout of one connected part."""
    levels, extents = frame.levels, frame.extents
    left = min(x - extents.left[n] for n, x in enumerate(frame.x))
    x = frame.x = [place - left for place in frame.x]
    width = max(place + extents.right[n] for n, place in enumerate(x))
    heights = _heights(frame)
    middles = _middles(frame, heights)
    row_of = [0] * len(x)
    for r, row in enumerate(levels.rows):
        for node in row:
            row_of[node] = r
    centers = [(x[node], middles[row_of[node]]) for node in range(levels.boxes)]
    routes: list[Route] = [Route([], None, False)] * len(frame.links)
    ports = _ports(frame)
    place = levels.positions()
    for edge, number in enumerate(frame.across):
        routes[number] = _route(frame, edge, ports[edge], middles, heights, row_of, place)
    for number, link in enumerate(frame.links):
        if link.tail == link.head:
            routes[number] = _loop(link, frame.boxes[link.tail], centers[link.tail])
    return Layout(width, middles[-1] + heights[-1][-1] / 2, centers, routes, crossings)


def _heights(frame: Frame) -> list[list[float]]:
    """Return for each row the heights of its nodes, and that of the row itself at the end."""
    of = [0.0] * len(frame.x)
    for node, box in enumerate(frame.boxes):
        of[node] = box.height
    for row, dummy in zip(frame.across, frame.labelled, strict=True):
        if dummy >= 0:
            of[dummy] = frame.links[row].label_height
    return [[*(of[n] for n in row), max(of[n] for n in row)] for row in frame.levels.rows]


def _middles(frame: Frame, heights: list[list[float]]) -> list[float]:
    """Return the middle height of each row."""
    levels, x = frame.levels, frame.x
    middles, y, previous = [], 0.0, 0.0
    between = [all(n >= levels.boxes for n in row) for row in levels.rows]
    for r, row in enumerate(levels.rows):
        if r:
            gap = frame.spacing.rank
            if between[r] or between[r - 1]:
                gap /= 2.4
            sideways = max((abs(x[n] - x[m]) for n in row for m in levels.up[n]), default=0.0)
            y += previous / 2 + gap + min(_MOST_EXTRA, _STEEPNESS * sideways) + heights[r][-1] / 2
        else:
            y = heights[r][-1] / 2
        previous = heights[r][-1]
        middles.append(y)
    return middles


def _ports(frame: Frame) -> list[tuple[float, float]]:
    """Return where each edge leaves its upper and enters its lower box, in the order of their ways."""
    levels, x = frame.levels, frame.x
    below: dict[int, list[tuple[float, int]]] = {}
    above: dict[int, list[tuple[float, int]]] = {}
    for edge, chain in enumerate(levels.chains):
        below.setdefault(chain[0], []).append((x[chain[1]], edge))
        above.setdefault(chain[-1], []).append((x[chain[-2]], edge))
    starts, ends = _spread(frame, below), _spread(frame, above)
    return [(starts[edge], ends[edge]) for edge in range(len(levels.chains))]


def _spread(frame: Frame, sides: dict[int, list[tuple[float, int]]]) -> dict[int, float]:
    ports: dict[int, float] = {}
    for node, edges in sides.items():
        edges.sort()
        step = min(_PORT_STEP, frame.boxes[node].width * _MOST_OF_SIDE / len(edges))
        for i, (_, edge) in enumerate(edges):
            ports[edge] = frame.x[node] + (i - (len(edges) - 1) / 2) * step
    return ports


def _route(
    frame: Frame,
    edge: int,
    ports: tuple[float, float],
    middles: list[float],
    heights: list[list[float]],
    row_of: list[int],
    place: list[int],
) -> Route:
    chain, link = frame.levels.chains[edge], frame.links[frame.across[edge]]
    upper, lower = chain[0], chain[-1]
    start = (ports[0], middles[row_of[upper]] + frame.boxes[upper].height / 2)
    end = (ports[1], middles[row_of[lower]] - frame.boxes[lower].height / 2)
    gates: list[Gate] = []
    for node in chain:
        r = row_of[node]
        gates += _gates(frame, node, place[node], frame.levels.rows[r], middles[r], heights[r])
    gates = sorted(gate for gate in gates if start[1] < gate.y < end[1])
    points = smooth_route(start, gates, end)
    label = None
    if frame.labelled[edge] >= 0:
        dummy = frame.labelled[edge]
        y, half = middles[row_of[dummy]], link.label_height / 2
        # A slanting line must not run through its own label, nor push it into its neighbour.
        beside = max(x_at(points, y + part) for part in (-half, 0.0, half))
        room = x_at(points, y) + frame.spacing.edge / 2
        label = (min(beside, room) + link.thickness / 2, y)
    backward = frame.back[frame.across[edge]]
    return Route(points[::-1] if backward else points, label, backward)


def _gates(
    frame: Frame, node: int, at: int, row: list[int], middle: float, heights: list[float]
) -> list[Gate]:
    """Return the slots between what stands at both sides of a node, at its upper and lower end.

    Of things farther away only those count that are taller than all before them. An edge that
    starts or ends at a box still has to pass the taller boxes beside it.
    """
    x, own = frame.x[node], node >= frame.levels.boxes
    left = frame.extents.left[node] if own else 1.0
    right = frame.extents.right[node] if own else 1.0
    gates = []
    for step, stop in ((-1, -1), (1, len(row))):
        tallest, previous = -1.0, node
        for i in range(at + step, stop, step):
            if abs(frame.x[row[i]] - x) > _FAR:
                break
            if max(heights[i], heights[at]) > tallest:
                tallest = max(heights[i], heights[at])
                if step < 0:
                    slot = min(x, _wall(frame, row[i], previous) + left), x + _WIDE
                else:
                    slot = x - _WIDE, max(x, _wall(frame, previous, row[i]) - right)
                gates += [Gate(middle - tallest / 2, *slot), Gate(middle + tallest / 2, *slot)]
            previous = row[i]
    return gates


def _wall(frame: Frame, one: int, other: int) -> float:
    """Return the line that neither of two neighbours crosses: at a box, else halfway."""
    here, x, boxes = frame.extents, frame.x, frame.levels.boxes
    left, right = x[one] + here.right[one], x[other] - here.left[other]
    gap = (here.gap[one] + here.gap[other]) / 4
    if one < boxes <= other:
        return min(left + gap, (left + right) / 2)
    if other < boxes <= one:
        return max(right - gap, (left + right) / 2)
    return (left + right) / 2


def _loop(link: Link, box: Box, center: Point) -> Route:
    """Return a loop at the right side of a box."""
    x, y = center[0] + box.width / 2, center[1]
    reach, half = x + _LOOP * 0.8, min(box.height / 2, 14.0)
    points = [(x, y - half / 2), (reach, y - half), (reach, y + half), (x, y + half / 2)]
    label = (x + _LOOP * 0.7, y) if link.label_width else None
    return Route(points, label, False)
