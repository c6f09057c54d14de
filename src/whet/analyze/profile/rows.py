"""Reports as records for machines: values in base units, shares as fractions.

The schema is docs/prof-json.schema.json. No formatting: numbers stay numbers, what is not
known is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from whet.analyze.profile.difference import node_intervals
from whet.analyze.profile.graph import Edge, Graph
from whet.analyze.profile.intervals import Interval, Intervals, amdahl_bound
from whet.analyze.profile.labels import sample_labels
from whet.analyze.profile.listing import build_listing
from whet.analyze.profile.nodes import Nodes
from whet.analyze.profile.peek import choose_nodes
from whet.analyze.profile.report import Report, report_graph
from whet.analyze.profile.speedup import Speedup, gain_rows
from whet.analyze.profile.tags import key_values
from whet.units import to_base

__all__ = [
    "base_value", "call_rows", "comment_rows", "listing_rows", "node_row", "node_rows", "place_row",
    "report_document", "sample_rows", "share_row", "tag_rows",
]  # fmt: skip

SCHEMA_VERSION = 1
Record = dict[str, Any]
Ranges = tuple[Interval | None, Interval | None]


def node_rows(report: Report, _: str = "", speedups: Sequence[Speedup] = ()) -> Record:
    """Return `top`: a row a node, in the report's order, and the speedups asked for."""
    graph = report_graph(report)
    intervals = node_intervals(report, graph)
    rows = [node_row(report, graph, intervals, node) for node in graph.order]
    document = report_document(report, intervals, rows, graph)
    return document | {"speedups": gain_rows(speedups)} if speedups else document


def call_rows(report: Report, regex: str) -> Record:
    """Return `tree`, or `peek` where there is an expression: rows with callers and callees."""
    graph = report_graph(report)
    intervals = node_intervals(report, graph)
    chosen = choose_nodes(graph, regex) if regex else graph.order
    callers, callees = graph.callers(), graph.callees()
    rows = []
    for node in chosen:
        row = node_row(report, graph, intervals, node)
        row["callers"] = [_edge_row(report, graph, e, e.caller) for e in callers.get(node, [])]
        row["callees"] = [_edge_row(report, graph, e, e.callee) for e in callees.get(node, [])]
        rows.append(row)
    return report_document(report, intervals, rows, graph)


def listing_rows(report: Report, regex: str) -> Record:
    """Return `list`: a row a function and file, with its lines that have values."""
    intervals = report.intervals()
    rows = []
    for function in build_listing(report, regex):
        row: Record = {"name": function.name, "file": function.file, "line": function.first}
        ranges = intervals.share(function.flat), intervals.share(function.cum)
        row |= share_row(report, intervals, function.flat, function.cum, ranges)
        row["lines"] = [
            {"line": line, "flat": base_value(report, flat), "cum": base_value(report, cum)}
            for line, (flat, cum) in sorted(function.lines.items())
        ]
        rows.append(row)
    return report_document(report, intervals, rows, None)


def sample_rows(report: Report) -> Record:
    """Return `traces`: a row a sample, its stack leaf first."""
    profile = report.profile
    nodes = report.nodes()
    texts = profile.strings.texts()
    slots, slot_start = nodes.slot_node.tolist(), nodes.slot_start.tolist()
    samples = profile.samples
    stack, start, values = samples.stack.tolist(), samples.stack_start.tolist(), report.sample_values()
    rows = []
    for row in range(len(samples)):
        labels = sample_labels(profile, texts, row)
        frames = [
            nodes.printable_name(node)
            for location in stack[start[row] : start[row + 1]]
            for node in slots[slot_start[location] : slot_start[location + 1]]
        ]
        rows.append(
            {
                "value": base_value(report, values[row]),
                "stack": frames,
                "labels": labels.texts,
                "numeric_labels": labels.numbers,
            }
        )
    return report_document(report, report.intervals(), rows, None)


def tag_rows(report: Report) -> Record:
    """Return `tags`: a row a label key, with its values."""
    rows: list[Record] = [
        {
            "key": key.key,
            "value": base_value(report, key.total),
            "share": key.total / report.total if report.total else 0.0,
            "values": [
                {
                    "text": text,
                    "value": base_value(report, value),
                    "share": value / report.total if report.total else 0.0,
                }
                for text, value in key.values
            ],
        }
        for key in key_values(report)
    ]
    return report_document(report, report.intervals(), rows, None)


def node_row(report: Report, graph: Graph, intervals: Intervals, node: int) -> Record:
    """Return the record of one node."""
    row = place_row(graph.nodes, node)
    flat, cum = graph.flat_value(node), graph.cum_value(node)
    return row | share_row(report, intervals, flat, cum, intervals.of_node(node, flat, cum))


def place_row(nodes: Nodes, node: int) -> Record:
    """Return what a node is."""
    row: Record = {
        "name": nodes.function_name(node) or nodes.printable_name(node),
        "file": nodes.full_file(node),
        "line": nodes.line(node) or nodes.start_line(node),
    }
    if nodes.address(node):
        row["address"] = nodes.address(node)
    return row


def comment_rows(report: Report) -> Record:
    """Return `comments`: a row a comment, hidden ones too."""
    rows = [{"comment": text} for text in report.profile.comment_texts()]
    return report_document(report, report.intervals(), rows, None)


def share_row(report: Report, intervals: Intervals, flat: int, cum: int, ranges: Ranges) -> Record:
    """Return a node's values, shares, and what follows from them."""
    flat_range, cum_range = ranges
    bound = intervals.bound(cum)
    cum_share = cum / report.total if report.total else 0.0
    return {
        "flat": base_value(report, flat),
        "cum": base_value(report, cum),
        "flat_share": flat / report.total if report.total else 0.0,
        "flat_share_low": flat_range.low if flat_range else None,
        "flat_share_high": flat_range.high if flat_range else None,
        "cum_share": cum_share,
        "cum_share_low": cum_range.low if cum_range else None,
        "cum_share_high": cum_range.high if cum_range else None,
        "amdahl_bound": _finite(amdahl_bound(cum_share)),
        "amdahl_bound_low": _finite(bound.low) if bound else None,
        "amdahl_bound_high": _finite(bound.high) if bound else None,
    }


def _edge_row(report: Report, graph: Graph, edge: Edge, other: int) -> Record:
    nodes = graph.nodes
    return {
        "name": nodes.function_name(other) or nodes.printable_name(other),
        "value": base_value(report, edge.mean),
        "inline": edge.inline,
    }


def report_document(report: Report, intervals: Intervals, rows: list[Record], graph: Graph | None) -> Record:
    """Return rows with what is known about the whole."""
    header = report.header
    period, period_unit = to_base(header.period, (header.period_type or ("", ""))[1])
    return {
        "schema_version": SCHEMA_VERSION,
        "sample_type": header.sample_type,
        "unit": to_base(0, header.sample_unit)[1],
        "total": base_value(report, header.total),
        "samples": intervals.samples,
        "effective_samples": None if intervals.reason else intervals.effective,
        "no_intervals_because": intervals.reason or None,
        "duration_ns": header.duration_nanos,
        "time_ns": header.time_nanos,
        "period": period,
        "period_type": (header.period_type or ("", ""))[0],
        "period_unit": period_unit,
        "main_file": header.file,
        "comments": header.comments,
        "filters": header.filters,
        "granularity": report.config.granularity,
        "node_count": graph.node_count if graph else len(rows),
        "dropped_nodes": graph.dropped if graph else 0,
        "rows": rows,
    }


def base_value(report: Report, value: int) -> int:
    """Return a value in the base unit."""
    return to_base(report.scaled(value), report.header.sample_unit)[0]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
