"""The call graph of a profile: values per node, trimming, order, edges.

The steps and cut-offs are those of pprof's `newTrimmedGraph`: nodes below a share of the
total go, then all but the first `nodecount`, then edges below their own share; an edge
between kept nodes runs over the dropped ones in between. No formatting.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.profile.config import Config
from whet.analyze.profile.means import quotient
from whet.analyze.profile.nodes import Nodes
from whet.analyze.profile.order import ordered
from whet.kernels.reference import Edges
from whet.model.profile import Profile

__all__ = ["Edge", "Graph", "build_graph", "present_nodes"]

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Edge:
    """A call between two nodes.

    Attributes:
        value: sum of the samples with this call.
        inline: whether the callee was always inlined.
        residual: whether nodes in between are not shown.
        divisor: sum of what means divide by, 0 for none.
    """

    caller: int
    callee: int
    value: int
    inline: bool
    residual: bool = False
    divisor: int = 0

    @property
    def mean(self) -> int:
        """The value, divided where there is a divisor."""
        return quotient(self.value, self.divisor)


@dataclass(slots=True)
class Graph:
    """Nodes worth showing, in order.

    Attributes:
        flat, cum: int64[all nodes], in the unit of the sample type.
        flat_divisor, cum_divisor: int64[all nodes], what means divide them by; None for sums.
        order: the kept nodes, as rows of `nodes`, in the order of the report.
        node_count: how many nodes were left by the first cut.
        dropped: how many it removed.
        trimmed: whether any node with a value is not shown; edges then run over those.
    """

    profile: Profile
    nodes: Nodes
    values: I64
    flat: I64
    cum: I64
    order: list[int]
    node_count: int
    dropped: int
    edge_cutoff: int
    trimmed: bool
    divisors: I64 | None = None
    flat_divisor: I64 | None = None
    cum_divisor: I64 | None = None
    _edges: list[Edge] | None = field(default=None, repr=False)

    @property
    def shown(self) -> int:
        """Sum of the flat values of the kept nodes, means where means are asked for."""
        if self.flat_divisor is None:
            return self.shown_sum
        return sum(self.flat_value(node) for node in self.order)

    @property
    def shown_sum(self) -> int:
        """Sum of the flat values of the kept nodes before means are taken."""
        return int(self.flat[np.asarray(self.order, np.int64)].sum())

    def flat_value(self, node: int) -> int:
        """Return the node's own value, or its mean."""
        value = int(self.flat[node])
        return value if self.flat_divisor is None else quotient(value, int(self.flat_divisor[node]))

    def cum_value(self, node: int) -> int:
        """Return the node's cumulative value, or its mean."""
        value = int(self.cum[node])
        return value if self.cum_divisor is None else quotient(value, int(self.cum_divisor[node]))

    def name(self, node: int) -> str:
        """Return a node's name as reports print it."""
        return self.nodes.printable_name(node)

    def edges(self) -> list[Edge]:
        """Return the edges between kept nodes whose value reaches the cut-off."""
        if self._edges is None:
            self._edges = self._find_edges()
        return self._edges

    def callers(self) -> dict[int, list[Edge]]:
        """Return the incoming edges of each node, heaviest first."""
        return self._grouped("callee")

    def callees(self) -> dict[int, list[Edge]]:
        """Return the outgoing edges of each node, heaviest first."""
        return self._grouped("caller")

    def inlined(self) -> dict[int, tuple[bool, bool]]:
        """Tell for each node whether calls of it were inlined, and whether calls were not."""
        result: dict[int, tuple[bool, bool]] = {}
        if not self.nodes.has_inlines:
            return result
        for edge in self.edges():
            inline, called = result.get(edge.callee, (False, False))
            result[edge.callee] = (inline or edge.inline, called or not edge.inline)
        return result

    def _grouped(self, end: str) -> dict[int, list[Edge]]:
        groups: dict[int, list[Edge]] = {}
        name = self.nodes.printable_name
        for edge in self.edges():
            groups.setdefault(getattr(edge, end), []).append(edge)
        for group in groups.values():
            group.sort(key=lambda e: (-abs(e.value), _bytes(name(e.caller)), _bytes(name(e.callee))))
        return groups

    def _find_edges(self) -> list[Edge]:
        shown = np.zeros(len(self.nodes) + 1, bool)
        shown[np.asarray(self.order, np.int64)] = True
        kept = np.arange(len(self.nodes) + 1, dtype=np.int32)
        if self.trimmed:
            kept[~shown] = -1
        found = self._edge_sums(kept, self.values)
        divisors = np.zeros(len(found.weight), np.int64)
        if self.divisors is not None:
            divisors = self._edge_sums(kept, self.divisors).weight
        # Calls of a node whose values cancel out are kept, as pprof does: the row is not shown.
        heavy = np.flatnonzero((np.abs(found.weight) >= self.edge_cutoff) | ~shown[found.callee])
        columns = (found.caller, found.callee, found.weight, found.inline, found.residual, divisors)
        rows = zip(*(column[heavy].tolist() for column in columns), strict=True)
        return [Edge(*row) for row in rows]

    def _edge_sums(self, kept: npt.NDArray[np.int32], values: I64) -> Edges:
        samples, nodes = self.profile.samples, self.nodes
        counts = self.values != 0
        if self.divisors is not None:
            counts |= self.divisors != 0
        slots = kept[nodes.slot_node]
        return kernels.edge_sums(
            samples.stack_start, samples.stack, nodes.slot_start, slots, values, len(nodes), counts
        )


def build_graph(
    profile: Profile, nodes: Nodes, values: I64, config: Config, divisors: I64 | None = None
) -> Graph:
    """Compute and trim the graph of a profile.

    `values` is int64[samples], the column to report, `divisors` what means divide it by; of
    `config` nodecount, nodefraction, edgefraction, drop_negative and sort are honoured.
    """
    flat, cum = _sums(profile, nodes, values)
    present = present_nodes(flat, cum, drop_negative=config.drop_negative)
    total = float(int(flat[present].sum()))
    cutoff = abs(int(total * config.nodefraction))
    kept = present[np.abs(cum[present]) >= cutoff] if cutoff > 0 else present
    order = _sorted(nodes, flat, cum, kept, cum_first=config.sort == "cum", limit=config.nodecount)
    graph = Graph(
        profile,
        nodes,
        values,
        flat,
        cum,
        order,
        node_count=len(kept),
        dropped=len(present) - len(kept),
        edge_cutoff=abs(int(total * config.edgefraction)),
        trimmed=len(order) < len(present),
    )
    if divisors is not None:
        graph.divisors = divisors
        graph.flat_divisor, graph.cum_divisor = _sums(profile, nodes, divisors)
    return graph


def present_nodes(flat: I64, cum: I64, *, drop_negative: bool) -> I64:
    """Return the nodes that have a value, as rows; without negative ones if so wished."""
    there = (flat != 0) | (cum != 0)
    if drop_negative:
        there &= (flat > 0) | ((flat == 0) & (cum >= 0))
    return np.flatnonzero(there)


def _sums(profile: Profile, nodes: Nodes, values: I64) -> tuple[I64, I64]:
    samples = profile.samples
    return kernels.flat_cum(
        samples.stack_start, samples.stack, nodes.slot_start, nodes.slot_node, values, len(nodes)
    )


def _sorted(nodes: Nodes, flat: I64, cum: I64, kept: I64, *, cum_first: bool, limit: int) -> list[int]:
    first, second = (cum, flat) if cum_first else (flat, cum)
    weights, lesser = np.abs(first[kept]).tolist(), np.abs(second[kept]).tolist()
    return ordered(kept.tolist(), weights, lesser, nodes.sort_key, limit)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
