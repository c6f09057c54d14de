"""`svg`: the call graph as one picture that needs nothing else.

A box's text grows with its flat value and its colour with its cumulative value; a line's
thickness and colour grow with the value of the calls; dotted lines run over functions that
are not shown. Colours go from grey to orange, for negative values to blue, and follow the
reader's light or dark setting. Everything said by colour is also written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from whet.analyze.layout.layered import layout_graph
from whet.analyze.layout.model import Box, Layout, Link, Point, Route
from whet.analyze.profile.callgraph import CallGraph, Vertex
from whet.analyze.profile.report import Report
from whet.render.profile.graph_boxes import (
    LABEL_SIZE,
    LINE_HEIGHT,
    Line,
    TextBox,
    edge_boxes,
    node_box,
    nodelet_boxes,
)
from whet.render.profile.graph_style import style, value_class
from whet.render.profile.header import graph_labels
from whet.render.svg import escape, number, text_width

__all__ = ["render_graph_svg"]

_MARGIN = 14.0
_LEGEND_SIZE = 10.0
_ARROW = 7.0
_KEY = (
    "text size: own (flat) value; colour: value with callees (cum)",
    "line: value of calls; dotted: through functions not shown",
)


def render_graph_svg(report: Report, drawn: CallGraph, *, styled: bool = True) -> Iterator[str]:
    """Yield the lines of the SVG of a call graph.

    Without being `styled` it is for a page that has `graph_style.page_style`.
    """
    boxes, lines, nodes = _boxes(report, drawn)
    layout = layout_graph(
        [Box(b.width, b.height) for b in boxes],
        [Link(e.tail, e.head, e.pull, e.length, e.label_width, e.label_height, e.thickness) for e in lines],
    )
    legend = [*(line for line in graph_labels(report, drawn) if not line.startswith("\n")), *_KEY]
    legend_width = max(text_width(line, _LEGEND_SIZE) for line in legend) + 16
    legend_height = len(legend) * _LEGEND_SIZE * 1.35 + 12
    shift = _legend_shift(layout, boxes, legend_width, legend_height)
    width = max(layout.width, legend_width) + 2 * _MARGIN
    height = max(layout.height + shift, legend_height) + 2 * _MARGIN
    title = legend[0]
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}pt" height="{number(height)}pt" '
        f'viewBox="0 0 {number(width)} {number(height)}" role="img" aria-label="{escape(title)}">'
    )
    yield f"<title>{escape(title)}</title>"
    if styled:
        yield f"<style>{style()}</style>"
        yield f'<rect class="paper" width="{number(width)}" height="{number(height)}"/>'
    yield from _legend(legend, legend_width, legend_height)
    yield f'<g transform="translate({number(_MARGIN)} {number(_MARGIN + shift)})">'
    for line, route in reversed(list(zip(lines, layout.routes, strict=True))):
        yield from _edge(report, line, route)
    for i, (box, center) in enumerate(zip(boxes, layout.centers, strict=True)):
        yield from _box(report, box, center, nodelet=i >= nodes, number_of=i + 1)
    yield "</g>"
    yield "</svg>"


def _boxes(report: Report, drawn: CallGraph) -> tuple[list[TextBox], list[Line], int]:
    """Return all boxes and edges, and how many of the boxes are nodes."""
    vertices = drawn.vertices
    most_flat = max((abs(v.flat_value) for v in vertices), default=0)
    boxes = [node_box(report, drawn, vertex, most_flat) for vertex in vertices]
    place = {vertex: i for i, vertex in enumerate(vertices)}
    lines: list[Line] = []
    parents: set[Vertex] = set()
    for vertex in vertices:
        more, edges = nodelet_boxes(report, vertex, place[vertex], len(boxes))
        boxes += more
        lines += edges
        if more:
            parents.add(vertex)
    return boxes, [*edge_boxes(report, drawn, place, parents), *lines], len(vertices)


def _legend_shift(layout: Layout, boxes: list[TextBox], width: float, height: float) -> float:
    """Return how far the graph moves down: not at all if the legend fits into its free corner."""
    right, bottom = width + _MARGIN, height + _MARGIN
    hit = any(
        x - box.width / 2 < right and y - box.height / 2 < bottom
        for box, (x, y) in zip(boxes, layout.centers, strict=True)
    ) or any(x < right and y < bottom for route in layout.routes for x, y in route.points)
    return bottom if hit else 0.0


def _legend(lines: list[str], width: float, height: float) -> Iterator[str]:
    yield f'<g class="legend" transform="translate({number(_MARGIN)} {number(_MARGIN)})">'
    yield f'<rect width="{number(width)}" height="{number(height)}" rx="3"/>'
    step = _LEGEND_SIZE * 1.35
    for i, line in enumerate(lines):
        key = ' class="key"' if i >= len(lines) - len(_KEY) else ""
        yield f'<text x="8" y="{number(6 + step * (i + 0.78))}"{key}>{escape(line)}</text>'
    yield "</g>"


def _box(report: Report, box: TextBox, center: Point, *, nodelet: bool, number_of: int) -> Iterator[str]:
    x, y = center[0] - box.width / 2, center[1] - box.height / 2
    kind = "nodelet" if nodelet else "node"
    name = "" if nodelet else f' data-name="{escape(box.name)}"'
    yield f'<g class="{kind} {value_class(box.value, report.total)}" id="n{number_of}"{name}>'
    yield f"<title>{escape(box.title)}</title>"
    yield (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(box.width)}" '
        f'height="{number(box.height)}" rx="{3 if not nodelet else 6}"/>'
    )
    middle, step = number(center[0]), box.size * LINE_HEIGHT
    top = center[1] - len(box.lines) * step / 2 + 0.85 * box.size
    spans = "".join(
        f'<tspan x="{middle}" y="{number(top + i * step)}"{_length(line, box.size)}>{escape(line)}</tspan>'
        for i, line in enumerate(box.lines)
    )
    yield f'<text font-size="{number(box.size)}">{spans}</text>'
    yield "</g>"


def _length(line: str, size: float) -> str:
    """Return the attributes that keep a line inside its box where another font has to do."""
    if not (line.isascii() and line.isprintable() and len(line) > 1):
        return ""  # the width of other characters is a guess
    return f' textLength="{number(text_width(line, size))}" lengthAdjust="spacingAndGlyphs"'


def _edge(report: Report, line: Line, route: Route) -> Iterator[str]:
    dotted = " dotted" if line.dotted else ""
    ends = f'data-tail="n{line.tail + 1}" data-head="n{line.head + 1}"'
    yield f'<g class="edge{dotted} {value_class(line.weight, report.total)}" {ends}>'
    yield f"<title>{escape(line.title)}</title>"
    size = _ARROW + line.thickness
    shaft, head = _with_arrow(route.points, size)
    width = f' stroke-width="{line.thickness}"' if line.thickness > 1 else ""
    yield f'<path d="{_path(shaft)}"{width}/>'
    yield f'<polygon points="{" ".join(f"{number(x)},{number(y)}" for x, y in head)}"/>'
    if route.label is not None:
        x, middle = route.label[0] + 3, route.label[1]
        step = LABEL_SIZE * LINE_HEIGHT
        top = middle - len(line.lines) * step / 2 + 0.85 * LABEL_SIZE
        for i, text in enumerate(line.lines):
            yield f'<text x="{number(x)}" y="{number(top + i * step)}">{escape(text)}</text>'
    yield "</g>"


def _path(points: list[Point]) -> str:
    start, *rest = [f"{number(x)},{number(y)}" for x, y in points]
    return f"M{start}C{' '.join(rest)}"


def _with_arrow(points: list[Point], size: float) -> tuple[list[Point], list[Point]]:
    """Return the curve shortened by its arrow head, and the head's corners."""
    (bx, by), (x, y) = points[-2], points[-1]
    length = math.hypot(x - bx, y - by) or 1.0
    dx, dy = (x - bx) / length, (y - by) / length
    base = (x - dx * size, y - dy * size)
    wing = size * 0.42
    head = [(x, y), (base[0] - dy * wing, base[1] + dx * wing), (base[0] + dy * wing, base[1] - dx * wing)]
    end = (x - dx * size * 0.8, y - dy * size * 0.8)
    return [*points[:-2], (bx + end[0] - x, by + end[1] - y), end], head
