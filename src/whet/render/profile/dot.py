"""`dot`: the call graph in graphviz's language. Layout: pprof's `ComposeDot`.

Colours, sizes and the escaping of names are pprof's, so that pictures look as people know them.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator

from whet.analyze.profile.callgraph import MAX_NODELETS, Arc, CallGraph, Vertex
from whet.analyze.profile.means import quotient
from whet.analyze.profile.report import Report
from whet.analyze.profile.shortened import short_name
from whet.analyze.profile.tags import Tag
from whet.render.profile.header import graph_labels, value_text
from whet.render.profile.nodelets import collapsed, sorted_tags
from whet.units import format_percentage

__all__ = ["render_dot"]

_SMALLEST_FONT, _FONT_GROWTH = 8, 16.0


def render_dot(report: Report, graph: CallGraph) -> Iterator[str]:
    """Yield the lines of the report."""
    yield f'digraph "{_quoted(report, report.header.file) or "unnamed"}" {{'
    yield 'node [style=filled fillcolor="#f8f8f8"]'
    yield from _legend(report, graph)
    if graph.vertices:
        yield from _Writer(report, graph).lines()
    yield "}"


def _quoted(report: Report, text: str) -> str:
    """Escape what pprof forgets to: a quote in a label or a file name ends the text there."""
    return text if report.config.as_pprof else _escaped(text)


def _legend(report: Report, graph: CallGraph) -> Iterator[str]:
    labels = graph_labels(report, graph)
    title = _quoted(report, report.header.file)
    text = r"\l".join(map(_escaped, labels))
    line = f'subgraph cluster_L {{ "{_escaped(labels[0])}" [shape=box fontsize=16 label="{text}\\l"'
    yield line + (f' tooltip="{title}"' if title else "") + "] }"


class _Writer:
    def __init__(self, report: Report, graph: CallGraph) -> None:
        self._report, self._graph = report, graph
        self._number = {vertex: place + 1 for place, vertex in enumerate(graph.vertices)}
        self._max_flat = float(max(abs(v.flat_value) for v in graph.vertices))

    def lines(self) -> Iterator[str]:
        with_nodelets = set()
        for vertex in self._graph.vertices:
            yield self._box(vertex)
            nodelets = list(self._nodelets(vertex))
            if nodelets:
                with_nodelets.add(vertex)
                yield from nodelets
        arcs = [arc for vertex in self._graph.vertices for arc in vertex.callees.values()]
        for arc in self._graph.sorted_arcs(arcs):
            yield self._arrow(arc, spread=arc.caller in with_nodelets)

    def _value(self, value: int) -> str:
        return value_text(self._report, value)

    def _share(self, value: int) -> str:
        return format_percentage(value, self._report.total).strip()

    def _box(self, vertex: Vertex) -> str:
        flat, cum, total = vertex.flat_value, vertex.cum_value, self._report.total
        own = self._value(flat)
        label = _box_name(self._graph, vertex) + (f"{own} ({self._share(flat)})" if flat else "0")
        whole = own
        if cum != flat:
            whole = self._value(cum)
            label += (r"\n" if flat else " ") + f"of {whole} ({self._share(cum)})"
        number, score = self._number[vertex], _ratio(cum, total)
        name = _escaped(self._graph.nodes.printable_name(vertex.node))
        return (
            f'N{number} [label="{label}" id="node{number}" fontsize={self._font_size(flat)} shape=box '
            f'tooltip="{name} ({whole})" color="{_color(score)}" fillcolor="{_color(score, light=True)}"]'
        )

    def _font_size(self, flat: int) -> int:
        if not flat or not self._max_flat:
            return _SMALLEST_FONT
        return _SMALLEST_FONT + math.ceil(_FONT_GROWTH * math.sqrt(abs(flat) / self._max_flat))

    def _nodelets(self, vertex: Vertex) -> Iterator[str]:
        # A leaf's labels include those of the callees that are not shown.
        flat = len(vertex.callees) > 0
        box = f"N{self._number[vertex]}"
        for place, tag in enumerate(sorted_tags(vertex.tags.texts.values(), flat=flat)[:MAX_NODELETS]):
            value = tag.flat_value if flat else tag.cum_value
            if value == 0:
                continue
            text, weight = f"{box}_{place}", self._value(value)
            label = r"\n".join(_quoted(self._report, part) for part in tag.parts)
            yield _nodelet(text, text, label, weight)
            yield _nodelet_line(box, text, weight, "")
            yield from self._numbers(vertex.tags.numbers.get(tag.name), text, flat=flat)
        yield from self._numbers(vertex.tags.numbers.get(""), box, flat=flat)

    def _numbers(self, group: dict[str, Tag] | None, source: str, *, flat: bool) -> Iterator[str]:
        for place, tag in enumerate(collapsed((group or {}).values(), flat=flat)):
            own = flat or tag.flat_value == tag.cum_value
            value = tag.flat_value if own else tag.cum_value
            if value:
                weight = self._value(value)
                yield _nodelet(f"N{source}_{place}", f"N{source}_{place}", tag.name, weight)
                yield _nodelet_line(source, f"N{source}_{place}", weight, "" if own else ' style="dotted"')

    def _arrow(self, arc: Arc, *, spread: bool) -> str:
        name, total, value = self._graph.nodes.printable_name, self._report.total, arc.mean
        weight = self._value(value)
        text = f'label=" {weight}{chr(92) + "n (inline)" if arc.inline else ""}"'
        if total:
            heaviness = 1 + min(abs(quotient(_wrapped(value * 100), total)), 100)
            width = 1 + min(abs(quotient(_wrapped(value * 5), total)), 5)
            text += f" weight={heaviness}" if heaviness > 1 else ""
            text += f" penwidth={width}" if width > 1 else ""
            text += f' color="{_color(_ratio(value, total))}"'
        arrow = "..." if arc.residual else "->"
        caller, callee = _escaped(name(arc.caller.node)), _escaped(name(arc.callee.node))
        tooltip = f'"{caller} {arrow} {callee} ({weight})"'
        text += f" tooltip={tooltip} labeltooltip={tooltip}"
        text += ' style="dotted"' if arc.residual else ""
        text += " minlen=2" if spread else ""
        ends = f"N{self._number[arc.caller]} -> N{self._number.get(arc.callee, 0)}"
        return f"{ends} [{text}]"


def _nodelet(name: str, identity: str, label: str, weight: str) -> str:
    return f'{name} [label = "{label}" id="{identity}" fontsize=8 shape=box3d tooltip="{weight}"]'


def _nodelet_line(source: str, name: str, weight: str, style: str) -> str:
    return (
        f'{source} -> {name} [label=" {weight}" weight=100 tooltip="{weight}" labeltooltip="{weight}"{style}]'
    )


def _box_name(graph: CallGraph, vertex: Vertex) -> str:
    """Write a name in a box: shortened, its parts below each other."""
    nodes, node = graph.nodes, vertex.node
    name = _escaped(short_name(nodes.function_name(node))).replace("::", r"\n")
    name = name.replace("[...]", "[…]").replace(".", r"\n")
    parts = nodes.name_parts(node, name=name, file=posixpath.basename(nodes.file(node)))
    return "".join(part + r"\n" for part in parts)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\l")


def _wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _ratio(value: int, total: int) -> float:
    if total:
        return float(value) / float(abs(total))
    return math.nan if value == 0 else math.copysign(math.inf, value)


def _color(score: float, *, light: bool = False) -> str:
    """Return the colour of a share: green for -1, grey for 0, red for 1."""
    saturation, brightness = (0.1, 0.93) if light else (1.0, 0.7)
    score = score if math.isnan(score) else max(-1.0, min(1.0, score))
    if abs(score) < 0.2:
        saturation *= abs(score) / 0.2
    # Small shares are moved away from grey.
    shifted = math.copysign(abs(score) ** 0.3, score)
    if score < 0.0:
        red, green = brightness * (1 + saturation * shifted), brightness
    else:
        red, green = brightness, brightness * (1 - saturation * shifted)
    blue = brightness * (1 - saturation)
    return "#" + "".join(f"{_byte(part):02x}" for part in (red, green, blue))


def _byte(part: float) -> int:
    return 0 if math.isnan(part) else int(part * 255.0)
