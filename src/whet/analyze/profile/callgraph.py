"""The call graph as objects: what graphs and call trees are drawn and written from.

Reports in text use the arrays of `graph.py`; a drawing also needs to choose nodes by how
interesting they are, to tell calls over hidden nodes apart, and to cut a call tree. The steps,
cut-offs and orders are those of pprof's `newTrimmedGraph`. No formatting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.profile.graph import present_nodes
from whet.analyze.profile.means import quotient
from whet.analyze.profile.nodes import Nodes
from whet.analyze.profile.report import Report
from whet.analyze.profile.tags import Nodelets, NodeTags
from whet.kernels.reference import CallTree, Edges

__all__ = ["MAX_NODELETS", "Arc", "CallGraph", "Vertex", "build_call_graph", "drawn_call_graph"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

MAX_NODELETS = 4
_MANY_FRAMES = 1_000_000
_NONE = NodeTags()


@dataclass(eq=False, slots=True)
class Vertex:
    """One box: a node of the graph, or a node in one context of the call tree.

    Attributes:
        row: identifies it: a row of `CallGraph.nodes`, or of the call tree.
        node: a row of `CallGraph.nodes`.
        flat, cum: sums in the unit of the sample type.
        flat_divisor, cum_divisor: what means divide them by, 0 for none.
        callers, callees: calls by the vertex at the other end.
        parent: in a call tree, the vertex of the calling context, shown or not.
    """

    row: int
    node: int
    flat: int
    cum: int
    flat_divisor: int = 0
    cum_divisor: int = 0
    callers: dict[Vertex, Arc] = field(default_factory=dict)
    callees: dict[Vertex, Arc] = field(default_factory=dict)
    parent: int = -1
    tags: NodeTags = field(default_factory=NodeTags)

    @property
    def flat_value(self) -> int:
        """The value of its own, or its mean."""
        return quotient(self.flat, self.flat_divisor)

    @property
    def cum_value(self) -> int:
        """The cumulative value, or its mean."""
        return quotient(self.cum, self.cum_divisor)


@dataclass(eq=False, slots=True)
class Arc:
    """Calls from one vertex to another; the attributes are those of `graph.Edge`."""

    caller: Vertex
    callee: Vertex
    value: int
    divisor: int
    residual: bool
    inline: bool

    @property
    def mean(self) -> int:
        """The value, divided where there is a divisor."""
        return quotient(self.value, self.divisor)


@dataclass(slots=True)
class CallGraph:
    """Vertices worth showing, in order, with their calls.

    Arcs may lead to vertices that are not shown because their values cancel out.

    Attributes:
        node_count: vertices that the first cut left.
        dropped: how many it removed.
        dropped_edges: arcs that the last cut removed.
    """

    nodes: Nodes
    vertices: list[Vertex]
    node_count: int
    dropped: int
    dropped_edges: int = 0

    @property
    def shown(self) -> int:
        """Sum of the flat values shown, means where means are asked for."""
        return sum(vertex.flat_value for vertex in self.vertices)

    @property
    def shown_sum(self) -> int:
        """Sum of the flat values shown before means are taken."""
        return sum(vertex.flat for vertex in self.vertices)

    def sorted_arcs(self, arcs: Iterable[Arc]) -> list[Arc]:
        """Return arcs heaviest first, equal ones by name."""
        name = self.nodes.printable_name
        return sorted(
            arcs,
            key=lambda a: (-abs(a.value), _bytes(name(a.caller.node)), _bytes(name(a.callee.node))),
        )


def build_call_graph(report: Report, *, visual: bool = True, object_names: bool = False) -> CallGraph:
    """Build and trim the graph of a report, or its call tree where the options ask for it.

    A `visual` graph prefers vertices where paths part, has nodelets for labels, and leaves out
    arcs that say nothing new.
    """
    nodes = report.nodes(object_names=object_names)
    source: _Source = _TreeSource(report, nodes) if report.config.call_tree else _GraphSource(report, nodes)
    return _Builder(report, nodes, source, visual=visual).build()


def drawn_call_graph(report: Report) -> CallGraph:
    """Build the graph of a drawing, and fix the unit all its values are shown in."""
    graph = build_call_graph(report)
    report.choose_unit((v.flat_value, v.cum_value) for v in graph.vertices)
    return graph


class _Builder:
    def __init__(self, report: Report, nodes: Nodes, source: _Source, *, visual: bool) -> None:
        self._config = report.config
        self._nodes = nodes
        self._source = source
        self._visual = visual
        total = float(int(source.flat[source.present].sum()))
        self._node_cutoff = abs(int(total * self._config.nodefraction))
        self._edge_cutoff = abs(int(total * self._config.edgefraction))
        self._nodelets = Nodelets(report, source.members) if visual else None

    def build(self) -> CallGraph:
        source, present = self._source, self._source.present
        kept = present
        if self._node_cutoff > 0:
            kept = present[np.abs(source.cum[present]) >= self._node_cutoff]
        dropped, limit = len(present) - len(kept), self._config.nodecount
        best = self._best(kept, limit)
        vertices = source.vertices(kept if best is None else best)
        self._sort(vertices)
        graph = CallGraph(self._nodes, vertices, len(kept), dropped)
        if limit > 0 and best is None:
            self._add_tags(graph.vertices[:limit])
            _trim_arcs(graph.vertices, self._edge_cutoff)
            chosen = graph.vertices[: self._limit(graph.vertices, limit)]
            if len(chosen) != len(graph.vertices):
                graph.vertices = source.cut(graph.vertices, chosen)
                self._sort(graph.vertices)
        self._add_tags(graph.vertices)
        graph.dropped_edges = _trim_arcs(graph.vertices, self._edge_cutoff)
        if self._visual:
            _remove_redundant_arcs(graph)
        return graph

    def _best(self, kept: I64, limit: int) -> I64 | None:
        """Return the rows that a node count leaves, without making a vertex of every row.

        None where all are left, or where what is left depends on more than flat, cum and calls.
        """
        if not self._visual or not 0 < limit < len(kept):
            return None
        scores = self._source.scores(kept)
        if scores is None:
            return None
        flat, nodes = self._source.flat[kept].tolist(), self._nodes

        def key(place: int) -> tuple[int, bytes, int, bytes, int]:
            name, attributes = nodes.sort_key(int(kept[place]))
            return -abs(scores[place]), name, -abs(flat[place]), attributes, int(kept[place])

        least = sorted(map(abs, scores), reverse=True)[limit - 1]
        best = sorted((place for place, score in enumerate(scores) if abs(score) >= least), key=key)[:limit]
        rows = kept[best]
        vertices = [Vertex(row, row, 0, 0) for row in rows.tolist()]
        self._add_tags(vertices)
        return np.sort(rows[: self._limit(vertices, limit)])

    def _add_tags(self, vertices: list[Vertex]) -> None:
        if self._nodelets is None:
            return
        tags = self._nodelets.of([vertex.row for vertex in vertices], self._node_cutoff)
        for vertex in vertices:
            vertex.tags = tags.get(vertex.row, _NONE)

    def _limit(self, vertices: list[Vertex], limit: int) -> int:
        """Return how many vertices fit into a node count; in drawings labels take places too."""
        count = 0
        for place, vertex in enumerate(vertices[:limit] if self._visual else ()):
            count += min(vertex.tags.count(), MAX_NODELETS) + 1
            if count >= limit:
                return place + 1
        return limit

    def _sort(self, vertices: list[Vertex]) -> None:
        nodes, cum_first = self._nodes, self._config.sort == "cum"

        def key(vertex: Vertex) -> tuple[int, bytes, int, bytes, int]:
            name, attributes = nodes.sort_key(vertex.node)
            first, second = vertex.flat, vertex.cum
            if self._visual:
                first, second = _entropy_score(vertex), vertex.flat
            elif cum_first:
                first, second = second, first
            return -abs(first), name, -abs(second), attributes, vertex.row

        vertices.sort(key=key)


class _Source:
    """Rows that can become vertices: flat and cum of each, and which have a value."""

    flat: I64
    cum: I64
    present: I64

    def vertices(self, kept: I64) -> list[Vertex]:
        """Return the vertices of rows, linked over the rows that are not kept."""
        raise NotImplementedError

    def cut(self, vertices: list[Vertex], chosen: list[Vertex]) -> list[Vertex]:
        """Return the chosen ones of vertices, linked over the others."""
        raise NotImplementedError

    def scores(self, kept: I64) -> list[int] | None:
        """Return what `_entropy_score` is of the vertices of rows; None where rows are no nodes."""
        raise NotImplementedError

    def members(self, rows: list[int]) -> tuple[I64, I64, npt.NDArray[np.bool_]]:
        """Return (row, sample, is it the sample's leaf), each pair of row and sample once."""
        raise NotImplementedError


class _GraphSource(_Source):
    """Rows are nodes."""

    def __init__(self, report: Report, nodes: Nodes) -> None:
        self._nodes = nodes
        self._samples = report.profile.samples
        self._values, self._divisors = report.values, report.divisors
        self._counts = _counting(self._values, self._divisors)
        self.flat, self.cum = self._sums(self._values)
        zero = np.zeros(len(nodes), np.int64)
        self._flat_divisor, self._cum_divisor = zero, zero
        if self._divisors is not None:
            self._flat_divisor, self._cum_divisor = self._sums(self._divisors)
        self.present = present_nodes(self.flat, self.cum, drop_negative=report.config.drop_negative)

    def _sums(self, values: I64) -> tuple[I64, I64]:
        s, n = self._samples, self._nodes
        return kernels.flat_cum(s.stack_start, s.stack, n.slot_start, n.slot_node, values, len(n))

    def _shown_slots(self, kept: I64) -> I32:
        """Return the node of each slot, -1 for those of nodes that are not kept."""
        hidden = len(kept) != len(self.present)
        visible = np.zeros(len(self._nodes) + 1, bool)
        visible[kept if hidden else slice(None)] = True
        slots: I32 = np.where(visible, np.arange(len(self._nodes) + 1), -1).astype(np.int32)
        return slots[self._nodes.slot_node]

    def scores(self, kept: I64) -> list[int]:
        edges = self._edge_sums(self._shown_slots(kept), self._values)
        size = len(self._nodes)
        none = np.zeros(size, np.int64)
        score = _entropies(edges.callee, edges.weight, none) + _entropies(
            edges.caller, edges.weight, self.flat
        )
        columns = (score[kept], self.cum[kept], self.flat[kept])
        return [_weighed(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]

    def vertices(self, kept: I64) -> list[Vertex]:
        slots = self._shown_slots(kept)
        edges = self._edge_sums(slots, self._values)
        divisors = np.zeros(len(edges.weight), np.int64)
        if self._divisors is not None:
            divisors = self._edge_sums(slots, self._divisors).weight
        rows = np.unique(np.concatenate([kept, edges.caller, edges.callee]))
        made = {row: self._vertex(row) for row in rows.tolist()}
        columns = (edges.caller, edges.callee, edges.weight, divisors, edges.residual, edges.inline)
        for caller, callee, *rest in zip(*(c.tolist() for c in columns), strict=True):
            _link(Arc(made[caller], made[callee], *rest))
        return [made[row] for row in kept.tolist()]

    def _edge_sums(self, slots: I32, values: I64) -> Edges:
        s, n = self._samples, self._nodes

        def sums(mask: npt.NDArray[np.bool_]) -> Edges:
            return kernels.edge_sums(s.stack_start, s.stack, n.slot_start, slots, values, len(n), mask)

        if len(s.stack) < _MANY_FRAMES:
            return sums(self._counts)
        from concurrent.futures import ThreadPoolExecutor  # start-up time: few reports get here

        # Kernels run beside each other, so half of the samples take half of the time.
        first = np.arange(len(s)) < len(s) // 2
        with ThreadPoolExecutor(1) as other:
            second_half = other.submit(sums, self._counts & ~first)
            return _added(sums(self._counts & first), second_half.result(), len(n))

    def _vertex(self, row: int) -> Vertex:
        flat_divisor, cum_divisor = int(self._flat_divisor[row]), int(self._cum_divisor[row])
        return Vertex(row, row, int(self.flat[row]), int(self.cum[row]), flat_divisor, cum_divisor)

    def cut(self, _: list[Vertex], chosen: list[Vertex]) -> list[Vertex]:
        kept = np.array([vertex.row for vertex in chosen], np.int64)
        tags = {vertex.row: vertex.tags for vertex in chosen}
        linked = self.vertices(kept)
        for vertex in linked:
            vertex.tags = tags[vertex.row]
        return linked

    def members(self, rows: list[int]) -> tuple[I64, I64, npt.NDArray[np.bool_]]:
        samples, slot_start = self._samples, self._nodes.slot_start
        wanted = np.zeros(len(self._nodes), bool)
        wanted[rows] = True
        of_frame = np.repeat(np.arange(len(samples)), np.diff(samples.stack_start))
        counts = np.diff(slot_start)[samples.stack]
        ends = np.cumsum(counts)
        place = np.arange(int(ends[-1]) if len(ends) else 0)
        place += np.repeat(slot_start[samples.stack] - (ends - counts), counts)
        row, sample = self._nodes.slot_node[place].astype(np.int64), np.repeat(of_frame, counts)
        leaf = np.zeros(len(row), bool)
        filled = np.diff(samples.stack_start) > 0
        first_slot = np.concatenate([[0], ends]).astype(np.int64)[samples.stack_start[:-1][filled]]
        leaf[first_slot] = True
        use = wanted[row] & self._counts[sample]
        row, sample, leaf = row[use], sample[use], leaf[use]
        # A leaf comes before the other occurrences of its node in a sample, and stays.
        pair = sample * len(self._nodes) + row
        _, once = np.unique(pair, return_index=True)
        return row[once], sample[once], leaf[once]


class _TreeSource(_Source):
    """Rows are those of the call tree without its root; inlined and other calls share a row."""

    def __init__(self, report: Report, nodes: Nodes) -> None:
        self._samples = report.profile.samples
        values, divisors = report.values, report.divisors
        self._counts = _counting(values, divisors)
        # Inlined calls are told from others by doubling the nodes, then united again.
        inlined = np.ones(len(nodes.slot_node), np.int32)
        inlined[nodes.slot_start[1:] - 1] = 0
        tree = kernels.call_tree(
            self._samples.stack_start,
            self._samples.stack,
            nodes.slot_start,
            (nodes.slot_node * 2 + inlined).astype(np.int32),
            self._counts,
        )
        row_of, self._parent, self._node, self._inline = _united(tree.parent, tree.node)
        self._sample_row = np.where(tree.sample_row >= 0, row_of[tree.sample_row], -1)
        self.flat, self.cum = self._sums(tree, row_of, values)
        zero = np.zeros(len(self._parent), np.int64)
        self._flat_divisor, self._cum_divisor = zero, zero
        if divisors is not None:
            self._flat_divisor, self._cum_divisor = self._sums(tree, row_of, divisors)
        present = present_nodes(self.flat, self.cum, drop_negative=report.config.drop_negative)
        self.present = present[present > 0]

    def _sums(self, tree: CallTree, row_of: I64, values: I64) -> tuple[I64, I64]:
        own, total = kernels.tree_values(tree.parent, tree.sample_row, values)
        flat, cum = (np.zeros(len(self._parent), np.int64) for _ in range(2))
        np.add.at(flat, row_of, own)
        np.add.at(cum, row_of, total)
        flat[0] = cum[0] = 0
        return flat, cum

    def vertices(self, kept: I64) -> list[Vertex]:
        survives = np.ones(len(self._parent), bool)
        survives[self.present] = False
        survives[kept] = True
        survives[0] = False
        rows = np.flatnonzero(survives).tolist()
        made = {row: self._vertex(row) for row in rows}
        for row in rows:
            self._link_to_ancestor(made, row)
        return [made[row] for row in kept.tolist()]

    def _vertex(self, row: int) -> Vertex:
        node, flat, cum = int(self._node[row]), int(self.flat[row]), int(self.cum[row])
        divisors = int(self._flat_divisor[row]), int(self._cum_divisor[row])
        return Vertex(row, node, flat, cum, *divisors, parent=int(self._parent[row]))

    def _link_to_ancestor(self, made: dict[int, Vertex], row: int) -> None:
        inline, residual, up = bool(self._inline[row]), False, int(self._parent[row])
        while up > 0 and up not in made:
            inline, residual, up = inline and bool(self._inline[up]), True, int(self._parent[up])
        if up > 0:
            vertex = made[row]
            _link(Arc(made[up], vertex, vertex.cum, vertex.cum_divisor, residual, inline))

    def scores(self, _: I64) -> None:
        return None

    def cut(self, vertices: list[Vertex], chosen: list[Vertex]) -> list[Vertex]:
        kept = set(chosen)
        for vertex in vertices:
            if vertex not in kept:
                _splice_out(vertex)
        return chosen

    def members(self, rows: list[int]) -> tuple[I64, I64, npt.NDArray[np.bool_]]:
        wanted = np.zeros(len(self._parent), bool)
        wanted[rows] = True
        found: list[tuple[I64, I64, npt.NDArray[np.bool_]]] = []
        sample = np.flatnonzero(self._sample_row > 0)
        row = self._sample_row[sample].astype(np.int64)
        is_leaf = True
        while len(row):
            use = wanted[row]
            found.append((row[use], sample[use], np.full(int(use.sum()), is_leaf)))
            row = self._parent[row]
            sample, row, is_leaf = sample[row > 0], row[row > 0], False
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool)
        rows_, samples, leaves = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.argsort(samples, kind="stable")
        return rows_[order], samples[order], leaves[order]


def _added(one: Edges, two: Edges, node_count: int) -> Edges:
    """Add the edges of two parts of the samples up."""
    caller = np.concatenate([one.caller, two.caller]).astype(np.int64)
    callee = np.concatenate([one.callee, two.callee])
    pairs, row = np.unique(caller * node_count + callee, return_inverse=True)
    weight, residual = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), bool)
    called = np.zeros(len(pairs), bool)
    np.add.at(weight, row, np.concatenate([one.weight, two.weight]))
    residual[row[np.concatenate([one.residual, two.residual])]] = True
    called[row[~np.concatenate([one.inline, two.inline])]] = True
    size = max(1, node_count)
    return Edges((pairs // size).astype(np.int32), (pairs % size).astype(np.int32), weight, residual, ~called)


def _counting(values: I64, divisors: I64 | None) -> npt.NDArray[np.bool_]:
    counts: npt.NDArray[np.bool_] = values != 0
    if divisors is not None:
        counts |= divisors != 0
    return counts


def _united(parent: I32, node: I32) -> tuple[I64, I64, I64, npt.NDArray[np.bool_]]:
    """Unite sibling rows of one node, called inlined or not.

    Returns the new row of every old one, and parent, node and "only inlined" of the new rows.
    """
    known: dict[tuple[int, int], int] = {}
    row_of, up, nodes, inline = [0], [-1], [-1], [False]
    for old_parent, doubled in zip(parent.tolist()[1:], node.tolist()[1:], strict=True):
        above, name = row_of[old_parent], doubled >> 1
        row = known.setdefault((above, name), len(up))
        if row == len(up):
            up.append(above)
            nodes.append(name)
            inline.append(True)
        inline[row] = inline[row] and bool(doubled & 1)
        row_of.append(row)
    columns = (np.array(column, np.int64) for column in (row_of, up, nodes))
    return (*columns, np.array(inline, bool))  # type: ignore[return-value]


def _link(arc: Arc) -> None:
    arc.caller.callees[arc.callee] = arc
    arc.callee.callers[arc.caller] = arc


def _splice_out(vertex: Vertex) -> None:
    """Take a vertex out of a tree: its callees become those of its caller, or roots."""
    above = next(iter(vertex.callers.values()), None)
    if above is not None:
        del above.caller.callees[vertex]
    for arc in vertex.callees.values():
        del arc.callee.callers[vertex]
        if above is not None:
            arc.caller, arc.residual, arc.inline = above.caller, True, above.inline and arc.inline
            _link(arc)


def _trim_arcs(vertices: list[Vertex], cutoff: int) -> int:
    """Remove the arcs into vertices that are lighter than the cut-off; return how many."""
    light = [arc for v in vertices for arc in v.callers.values() if abs(arc.value) < cutoff]
    for arc in light:
        _unlink(arc)
    return len(light)


def _unlink(arc: Arc) -> None:
    del arc.callee.callers[arc.caller]
    arc.caller.callees.pop(arc.callee, None)


def _remove_redundant_arcs(graph: CallGraph) -> None:
    """Remove arcs over hidden nodes where another path leads to the same vertex."""
    for vertex in reversed(graph.vertices):
        for arc in reversed(graph.sorted_arcs(vertex.callers.values())):
            if not arc.residual:
                break  # nor any that is heavier than one without hidden nodes
            if _is_redundant(arc):
                _unlink(arc)


def _is_redundant(arc: Arc) -> bool:
    seen, queue = {arc.callee}, [arc.callee]
    for vertex in queue:
        for up in vertex.callers.values():
            if up is arc or up.caller in seen:
                continue
            if up.caller is arc.caller:
                return True
            seen.add(up.caller)
            queue.append(up.caller)
    return False


def _entropy_score(vertex: Vertex) -> int:
    """Weigh a vertex by how much its calls part or meet: mere passing on scores low."""
    score = _entropy(vertex.callers.values(), 0) if vertex.callers else 1.0
    score += _entropy(vertex.callees.values(), vertex.flat) if vertex.callees else 1.0
    return _weighed(score, vertex.cum, vertex.flat)


def _weighed(score: float, cum: int, flat: int) -> int:
    weighed = score * float(cum)
    whole = int(weighed) if abs(weighed) < 2.0**63 else -(1 << 63)
    return (whole + flat + (1 << 63)) % (1 << 64) - (1 << 63)


def _entropies(node: I32, weight: I64, own: I64) -> npt.NDArray[np.float64]:
    """Return `_entropy` of the arcs at each node, 1 where a node has none: float64[nodes]."""
    size, weight_f, own_f = len(own), weight.astype(np.float64), own.astype(np.float64)
    total = own_f + np.bincount(node, np.maximum(weight_f, 0), minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.bincount(node, _surprises(np.abs(weight_f) / total[node]), minlength=size).astype(
            np.float64
        )
        score += np.where(own > 0, _surprises(own_f / total), 0.0)
    score[total == 0] = 0.0
    score[np.bincount(node, minlength=size) == 0] = 1.0
    return score


def _surprises(fraction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logarithm = np.log2(fraction, where=fraction > 0, out=np.full(len(fraction), np.nan))
    surprise: npt.NDArray[np.float64] = -fraction * logarithm
    return surprise


def _entropy(arcs: Iterable[Arc], own: int) -> float:
    weights = [arc.value for arc in arcs]
    total = own + sum(weight for weight in weights if weight > 0)
    if total == 0:
        return 0.0
    score = sum(_surprise(abs(weight) / total) for weight in weights)
    return score + (_surprise(own / total) if own > 0 else 0.0)


def _surprise(fraction: float) -> float:
    return -fraction * math.log2(fraction) if fraction > 0 else math.nan


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
