"""The lines above a report: the profile's facts, active filters, what is shown of it.

Layout: pprof's `ProfileLabels` and `reportLabels`.
"""

from __future__ import annotations

import time

from whet import units
from whet.analyze.profile.means import quotient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.analyze.profile.callgraph import CallGraph
    from whet.analyze.profile.header import Header
    from whet.analyze.profile.table import ReportFace, TableFace

__all__ = ["graph_labels", "profile_labels", "report_labels", "running_value", "value_text"]

_LONGEST_FILTER_BYTES = 80


def value_text(report: ReportFace, value: int) -> str:
    """Write a value in the report's unit."""
    return units.format_value(report.scaled(value), report.header.sample_unit, report.config.unit)


def running_value(report: ReportFace, value: int) -> int:
    """Return what a sum of nodes contributes to the total.

    Means do not add up (pprof adds them): what is written is the part of the total's mean.
    """
    return value if report.config.as_pprof else quotient(value, report.divisor)


def profile_labels(report: ReportFace) -> list[str]:
    """Return the lines about the profile itself."""
    header = report.header
    labels = [f"File: {header.file}"] if header.file else []
    if header.build_id:
        labels.append(f"Build ID: {header.build_id}")
    labels += header.comments
    if header.sample_type:
        labels.append(f"Type: {header.sample_type}")
    if header.doc_url:
        labels.append(f"Doc: {header.doc_url}")
    if header.time_nanos:
        labels.append(f"Time: {_time_text(header.time_nanos)}")
    if header.duration_nanos:
        labels.append(_duration_label(report, header))
    return labels


def _time_text(time_nanos: int) -> str:
    try:
        local = time.localtime(time_nanos // 10**9)
    except (OverflowError, OSError, ValueError):
        return f"{time_nanos} ns"
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", local)


def _duration_label(report: ReportFace, header: Header) -> str:
    duration = units.format_value(header.duration_nanos, "nanoseconds")
    total, unit = units.scale(header.total, header.sample_unit, "nanoseconds")
    share = ""
    if unit == "ns" and total != 0:
        share = f"({units.format_percentage(int(total), header.duration_nanos)})"
    return f"Duration: {duration}, Total samples = {value_text(report, header.total)} {share}"


def report_labels(report: ReportFace, table: TableFace) -> list[str]:
    """Return the lines about the profile and about what the report shows of it."""
    labels = [] if report.config.compact_labels else profile_labels(report)
    labels += _shown_labels(report, _shown(report, table))
    if report.total != 0:
        labels += _cut_labels(report, table.dropped, 0)
        labels += _top_label(len(table.order), table.node_count)
    return labels


def graph_labels(report: ReportFace, graph: CallGraph) -> list[str]:
    """Return the lines of a drawing's legend."""
    labels = profile_labels(report) + _shown_labels(report, _shown(report, graph))
    if report.total != 0:
        labels += _cut_labels(report, graph.dropped, graph.dropped_edges)
        labels += _top_label(len(graph.vertices), graph.node_count)
    return [*labels, "\nSee https://git.io/JfYMW for how to read the graph"]


def _shown(report: ReportFace, table: TableFace | CallGraph) -> int:
    if report.config.as_pprof or not report.divisor:
        return table.shown
    return running_value(report, table.shown_sum)


def _shown_labels(report: ReportFace, shown: int) -> list[str]:
    labels = []
    if report.header.filters:
        labels = ["Active filters:", *(f"   {_shortened(f)}" for f in report.header.filters)]
    share = units.format_percentage(shown, report.total).strip()
    text = f"{value_text(report, shown)}, {share} of {value_text(report, report.total)} total"
    return [*labels, f"Showing nodes accounting for {text}"]


def _cut_labels(report: ReportFace, nodes: int, edges: int) -> list[str]:
    config = report.config
    labels = []
    for count, noun, value, fraction in (
        (nodes, "node", "cum", config.nodefraction),
        (edges, "edge", "freq", config.edgefraction),
    ):
        if count > 0:
            limit = value_text(report, abs(int(float(report.total) * fraction)))
            labels.append(f"Dropped {count} {noun}{'s' if count > 1 else ''} ({value} <= {limit})")
    return labels


def _top_label(shown: int, count: int) -> list[str]:
    return [f"Showing top {shown} nodes out of {count}"] if 0 < shown < count else []


def _shortened(text: str) -> str:
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) <= _LONGEST_FILTER_BYTES:
        return text
    return raw[:_LONGEST_FILTER_BYTES].decode("utf-8", "surrogateescape") + "…"
