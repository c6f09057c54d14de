"""`callgrind`: the call graph for KCachegrind. Layout: pprof's `printCallgrind`.

Names are written once and then referred to by number, positions relative to the one before.
Format: valgrind.org, "Callgrind Format Specification".
"""

from __future__ import annotations

from collections.abc import Iterator

from whet import units
from whet.analyze.profile.callgraph import CallGraph, Vertex
from whet.analyze.profile.report import Report

__all__ = ["render_callgrind"]

_LINE_ENDS = str.maketrans({"\n": " ", "\r": " "})  # pprof writes them, and the file is broken


def render_callgrind(report: Report, graph: CallGraph) -> Iterator[str]:
    """Yield the lines of the report; values are integers of its unit."""
    yield "positions: instr line"
    yield f"events: {report.header.sample_type}({report.config.unit})"
    writer = _Writer(report, graph)
    for vertex in graph.vertices:
        yield from writer.lines(vertex)


class _Writer:
    def __init__(self, report: Report, graph: CallGraph) -> None:
        self._report, self._graph = report, graph
        self._callee_names = _unambiguous_names(graph)
        self._objects: dict[str, int] = {}
        self._files: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._place: tuple[str, str, str] | None = None
        self._address: int | None = None

    def lines(self, vertex: Vertex) -> Iterator[str]:
        nodes, node = self._graph.nodes, vertex.node
        place = (nodes.object_file(node), nodes.file(node), nodes.function_name(node))
        if place != self._place:
            self._place = place
            yield ""
            yield f"ob={self._compressed(self._objects, place[0])}"
            yield f"fl={self._compressed(self._files, place[1])}"
            yield f"fn={self._compressed(self._names, place[2])}"
        address = self._position(nodes.address(node))
        yield f"{address} {nodes.line(node)} {self._value(vertex.flat_value)}"
        for arc in self._graph.sorted_arcs(vertex.callees.values()):
            callee = arc.callee.node
            yield f"cfl={self._compressed(self._files, nodes.file(callee))}"
            yield f"cfn={self._compressed(self._names, self._callee_names.get(arc.callee, ''))}"
            # How often it was called is not known.
            yield f"calls=0 {self._position(nodes.address(callee))} {nodes.line(callee)}"
            value = arc.value if self._report.config.as_pprof else arc.mean
            yield f"* * {self._value(value)}"
        self._address = nodes.address(node)

    def _compressed(self, known: dict[str, int], name: str) -> str:
        """Return `(N) name` the first time, `(N)` from then on."""
        if not self._report.config.as_pprof:
            name = name.translate(_LINE_ENDS)
        if not name:
            return ""
        if name in known:
            return f"({known[name]})"
        known[name] = len(known) + 1
        return f"({known[name]}) {name}"

    def _value(self, value: int) -> int:
        return int(units.scale(value, self._report.header.sample_unit, self._report.config.unit)[0])

    def _position(self, address: int) -> str:
        """Write an address, relative to the last vertex's where that is shorter."""
        absolute = f"{address:#x}"
        if self._address is None:
            return absolute
        if self._address == address:
            return "*"
        distance = (address - self._address + (1 << 63)) % (1 << 64) - (1 << 63)
        relative = f"{distance:+d}"
        return relative if len(relative) < len(absolute) else absolute


def _unambiguous_names(graph: CallGraph) -> dict[Vertex, str]:
    """Number the functions that a reader of the format would take for one."""
    nodes = graph.nodes
    functions: dict[tuple[str, str], dict[tuple[int, ...], int]] = {}
    places = []
    for vertex in graph.vertices:
        node = vertex.node
        named = (nodes.file(node), nodes.function_name(node))
        known = functions.setdefault(named, {})
        function = _function_of(graph, vertex)
        places.append((vertex, named, known.setdefault(function, len(known) + 1)))
    names = {}
    for vertex, named, number in places:
        count = len(functions[named])
        names[vertex] = f"{named[1]} [{number}/{count}]" if count > 1 else named[1]
    return names


def _function_of(graph: CallGraph, vertex: Vertex) -> tuple[int, ...]:
    """Return what tells apart functions of one name in one file: object, start line, context."""
    nodes, node = graph.nodes, vertex.node
    has_place = nodes.address(node) or nodes.line(node)
    column = 0 if has_place else nodes.column(node)
    return nodes.object_key(node), nodes.node_start_line(node), column, vertex.parent
