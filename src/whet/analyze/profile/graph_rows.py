"""The drawn call graph as records for machines: a row a box, and the lines between them.

The boxes and lines are those of the picture, with the same values; the schema is
docs/prof-json.schema.json. No formatting.
"""

from __future__ import annotations

from whet.analyze.profile.callgraph import build_call_graph
from whet.analyze.profile.report import Report
from whet.analyze.profile.rows import Record, base_value, place_row, report_document, share_row

__all__ = ["graph_rows"]


def graph_rows(report: Report, *, visual: bool = True) -> Record:
    """Return the rows and edges of `dot` and its pictures; not `visual`, those of `callgrind`."""
    graph = build_call_graph(report, visual=visual, object_names=not visual)
    intervals = report.intervals()
    rows = [
        place_row(graph.nodes, vertex.node)
        | share_row(
            report,
            intervals,
            vertex.flat_value,
            vertex.cum_value,
            (intervals.share(vertex.flat_value), intervals.share(vertex.cum_value)),
        )
        for vertex in graph.vertices
    ]
    place = {id(vertex): row for row, vertex in enumerate(graph.vertices)}
    edges = [
        {
            "caller": row,
            "callee": place[id(arc.callee)],
            "value": base_value(report, arc.mean),
            "residual": arc.residual,
            "inline": arc.inline,
        }
        for row, vertex in enumerate(graph.vertices)
        for arc in graph.sorted_arcs(vertex.callees.values())
        if id(arc.callee) in place
    ]
    document = report_document(report, intervals, rows, None)
    counts = {"node_count": graph.node_count, "dropped_nodes": graph.dropped}
    return document | counts | {"edges": edges}
