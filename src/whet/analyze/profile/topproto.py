"""`topproto`: the rows of `top` as a profile of one-frame samples, with cum and flat.

Semantics: pprof's `printTopProto`.
"""

from __future__ import annotations

import numpy as np

from whet import units
from whet.analyze.profile.graph import Graph
from whet.analyze.profile.report import Report
from whet.model.profile import Functions, Locations, Profile, Samples, StringTable

__all__ = ["top_profile"]


def top_profile(report: Report, graph: Graph) -> Profile:
    """Return a profile with a sample a node, in the graph's order, in the report's unit."""
    nodes, order = graph.nodes, graph.order
    texts = {"": 0}
    functions: dict[tuple[str, str, int], int] = {}
    rows = []
    for node in order:
        key = (nodes.function_name(node), nodes.file(node), nodes.node_start_line(node))
        rows.append(functions.setdefault(key, len(functions)))
    names = [(texts.setdefault(n, len(texts)), texts.setdefault(f, len(texts)), s) for n, f, s in functions]
    unit = texts.setdefault(report.config.unit, len(texts))
    types = [(texts.setdefault(kind, len(texts)), unit) for kind in ("cum", "flat")]
    period_type = None
    if report.header.period_type is not None:
        kind, period_unit = report.header.period_type
        period_type = texts.setdefault(kind, len(texts)), texts.setdefault(period_unit, len(texts))
    values = [[_scaled(report, v) for v in (graph.cum_value(n), graph.flat_value(n))] for n in order]
    count, header = len(order), report.header
    return Profile(
        strings=StringTable.from_texts(list(texts)),
        sample_type=types,
        samples=Samples(
            stack_start=np.arange(count + 1),
            stack=np.arange(count, dtype=np.int32),
            values=np.array(values, np.int64).reshape(count, 2),
            label_start=np.zeros(count + 1, np.int64),
        ),
        locations=Locations(
            id=np.arange(1, count + 1, dtype=np.uint64),
            mapping=np.full(count, -1, np.int32),
            address=np.array([nodes.address(node) for node in order], np.uint64),
            is_folded=np.zeros(count, bool),
            line_start=np.arange(count + 1),
            line_function=np.array(rows, np.int32),
            line=np.array([nodes.line(node) for node in order], np.int64),
            column=np.array([nodes.column(node) for node in order], np.int64),
        ),
        functions=Functions(
            id=np.arange(1, len(names) + 1, dtype=np.uint64),
            name=np.array([name for name, _, _ in names], np.int32),
            system_name=np.zeros(len(names), np.int32),
            filename=np.array([file for _, file, _ in names], np.int32),
            start_line=np.array([start for _, _, start in names], np.int64),
        ),
        time_nanos=header.time_nanos,
        duration_nanos=header.duration_nanos,
        period_type=period_type,
        period=header.period,
    )


def _scaled(report: Report, value: int) -> int:
    return int(units.scale(value, report.header.sample_unit, report.config.unit)[0])
