"""`tree` and `peek`: every node with its callers and callees. Layout: pprof's `printTree`."""

from __future__ import annotations

from collections.abc import Iterator

from whet.analyze.profile.graph import Edge, Graph
from whet.analyze.profile.report import Report
from whet.render.profile.header import report_labels, running_value, value_text
from whet.units import format_percentage

__all__ = ["render_tree"]

_RULE = "-" * 58 + "+" + "-" * 13
_TITLES = "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t "


def render_tree(report: Report, graph: Graph, chosen: list[int] | None = None) -> Iterator[str]:
    """Yield the lines of the report; `chosen` limits it to some nodes."""
    yield from report_labels(report, graph)
    yield _RULE
    yield _TITLES
    callers, callees = graph.callers(), graph.callees()
    total, running = report.total, 0
    for node in graph.order if chosen is None else chosen:
        flat, cum = graph.flat_value(node), graph.cum_value(node)
        running += flat if report.config.as_pprof else int(graph.flat[node])
        yield _RULE
        for edge in callers.get(node, []):
            yield _edge_line(report, graph, edge, edge.caller, cum)
        yield (
            f"{value_text(report, flat):>10} {format_percentage(flat, total)} "
            f"{format_percentage(running_value(report, running), total)} {value_text(report, cum):>10} "
            f"{format_percentage(cum, total)}                | {graph.nodes.printable_name(node)}"
        )
        for edge in callees.get(node, []):
            yield _edge_line(report, graph, edge, edge.callee, cum)
    if graph.order:
        yield _RULE


def _edge_line(report: Report, graph: Graph, edge: Edge, other: int, cum: int) -> str:
    inline = " (inline)" if edge.inline else ""
    # pprof writes sums here, beside means.
    value = edge.value if report.config.as_pprof else edge.mean
    return (
        f"{value_text(report, value):>50} {format_percentage(value, cum)} |   "
        f"{graph.nodes.printable_name(other)}{inline}"
    )
