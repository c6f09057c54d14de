"""The text and size of each box and edge label of a drawn call graph.

What is written, and the scale of font sizes by flat value, are those of pprof's graphs. No
places: `analyze.layout` finds them.
"""

from __future__ import annotations

import math
import posixpath
import re
from dataclasses import dataclass

from whet.analyze.profile.callgraph import MAX_NODELETS, CallGraph, Vertex
from whet.analyze.profile.report import Report
from whet.analyze.profile.tags import Tag
from whet.render.profile.header import value_text
from whet.render.profile.nodelets import collapsed, sorted_tags
from whet.render.svg import text_width
from whet.units import format_percentage

__all__ = ["LABEL_SIZE", "LINE_HEIGHT", "Line", "TextBox", "edge_boxes", "node_box", "nodelet_boxes"]

LABEL_SIZE = 11.0
LINE_HEIGHT = 1.18
_NODELET_SIZE = 8.0
_LEAST_FONT, _FONT_GROWTH = 8, 16
_PADDING_X, _PADDING_Y = 7.0, 4.5
_LINE_CHARACTERS = 18
_WORD_CHARACTERS = 34
_MOST_LINES = 6
# Go writes the directories of a package before its name.
_DIRECTORIES = re.compile(r"^(?:[\w.-]+/)+(?=[^.]+\.)")
_PIECES = re.compile(r"::|\.(?=[^.])|[^.:]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TextBox:
    """A box of text lines, all of one size.

    Attributes:
        value: of the node or label, in the unit of the sample type; decides the colour.
        title: what the tooltip says.
        name: the node's, '' for a nodelet.
    """

    lines: tuple[str, ...]
    size: float
    value: int
    title: str
    name: str = ""

    @property
    def width(self) -> float:
        """Width with padding."""
        return max((text_width(line, self.size) for line in self.lines), default=0.0) + 2 * _PADDING_X

    @property
    def height(self) -> float:
        """Height with padding."""
        return len(self.lines) * self.size * LINE_HEIGHT + 2 * _PADDING_Y


@dataclass(frozen=True, slots=True)
class Line:
    """An edge between boxes.

    Attributes:
        lines: its label.
        weight: in the unit of the sample type; decides colour and thickness.
        pull: how much it wants to be short and straight.
    """

    tail: int
    head: int
    lines: tuple[str, ...]
    weight: int
    thickness: int
    pull: int
    length: int
    dotted: bool
    title: str

    @property
    def label_width(self) -> float:
        """Width of the label with the gaps beside it."""
        return max((text_width(line, LABEL_SIZE) for line in self.lines), default=0.0) + 6

    @property
    def label_height(self) -> float:
        """Height of the label."""
        return len(self.lines) * LABEL_SIZE * LINE_HEIGHT


def node_box(report: Report, drawn: CallGraph, vertex: Vertex, most_flat: int) -> TextBox:
    """Write the box of a vertex."""
    flat, cum = vertex.flat_value, vertex.cum_value
    nodes, node = drawn.nodes, vertex.node
    name = nodes.printable_name(node)
    size = _LEAST_FONT
    if flat and most_flat:
        size += math.ceil(_FONT_GROWTH * math.sqrt(abs(flat) / most_flat))
    short = _DIRECTORIES.sub("", nodes.function_name(node))
    parts = nodes.name_parts(node, name=short, file=posixpath.basename(nodes.file(node)))
    lines = (*_name_lines(parts), *_value_lines(report, flat, cum))
    return TextBox(lines, float(size), cum, f"{name} ({value_text(report, cum)})", name)


def _value_lines(report: Report, flat: int, cum: int) -> list[str]:
    own = f"{value_text(report, flat)} ({_share(report, flat)})" if flat else "0"
    if cum == flat:
        return [own]
    whole = f"of {value_text(report, cum)} ({_share(report, cum)})"
    return [own, whole] if flat else [f"{own} {whole}"]


def _share(report: Report, value: int) -> str:
    return format_percentage(value, report.total).strip()


def _name_lines(parts: list[str]) -> list[str]:
    """Break names at their dots and colons into lines of much the same length."""
    lines: list[str] = []
    for part in parts:
        lines.append("")
        for piece in _PIECES.findall(part):
            for start in range(0, len(piece), _WORD_CHARACTERS):
                word = piece[start : start + _WORD_CHARACTERS]
                if lines[-1] and len(lines[-1]) + len(word) > _LINE_CHARACTERS and word not in (".", "::"):
                    lines.append("")
                lines[-1] += word
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 2], "…", lines[-1]]
    return [line.replace("\n", " ") for line in lines]


def edge_boxes(
    report: Report, drawn: CallGraph, place: dict[Vertex, int], parents: set[Vertex]
) -> list[Line]:
    """Write the edges between vertices; `place` is the box of each, `parents` have nodelets."""
    name, lines = drawn.nodes.printable_name, []
    arcs = [arc for vertex in drawn.vertices for arc in vertex.callees.values() if arc.callee in place]
    for arc in drawn.sorted_arcs(arcs):
        text = value_text(report, arc.mean)
        arrow = "..." if arc.residual else "->"
        lines.append(
            Line(
                place[arc.caller],
                place[arc.callee],
                (text, "(inline)") if arc.inline else (text,),
                arc.mean,
                1 + _part(report, arc.mean, 5),
                1 + _part(report, arc.mean, 100),
                2 if arc.caller in parents else 1,
                arc.residual,
                f"{name(arc.caller.node)} {arrow} {name(arc.callee.node)} ({text})",
            )
        )
    return lines


def _part(report: Report, value: int, parts: int) -> int:
    return min(abs(value) * parts // abs(report.total), parts) if report.total else 0


def nodelet_boxes(report: Report, vertex: Vertex, own: int, first: int) -> tuple[list[TextBox], list[Line]]:
    """Write the nodelets of the vertex whose box is `own`; their boxes are numbered from `first`."""
    boxes: list[TextBox] = []
    lines: list[Line] = []
    # A leaf's labels stand for all below it that is not shown; others show their own only.
    flat = bool(vertex.callees)

    def add(parent: int, tag: Tag, *, is_flat: bool, dotted: bool) -> int:
        value = tag.flat_value if is_flat else tag.cum_value
        if value == 0:
            return -1
        text = value_text(report, value)
        title = f"{' '.join(tag.parts)} ({text})"
        boxes.append(TextBox(tuple(map(_cut, tag.parts[:_MOST_LINES])), _NODELET_SIZE, value, title))
        head = first + len(boxes) - 1
        lines.append(Line(parent, head, (text,), value, 1, 100, 1, dotted, text))
        return head

    def add_numbers(parent: int, numbers: dict[str, Tag] | None) -> None:
        for tag in collapsed((numbers or {}).values(), flat=flat):
            is_flat = flat or tag.flat_value == tag.cum_value
            add(parent, tag, is_flat=is_flat, dotted=not is_flat)

    for tag in sorted_tags(vertex.tags.texts.values(), flat=flat)[:MAX_NODELETS]:
        head = add(own, tag, is_flat=flat, dotted=False)
        if head >= 0:
            add_numbers(head, vertex.tags.numbers.get(tag.name))
    add_numbers(own, vertex.tags.numbers.get(""))
    return boxes, lines


def _cut(text: str) -> str:
    return text if len(text) <= _WORD_CHARACTERS else text[: _WORD_CHARACTERS - 1] + "…"
