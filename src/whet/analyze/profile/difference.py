"""Intervals row by row: of heap profiles, and of differences, whose base samples carry a label.

Of a heap profile's row it is known how many of its blocks were sampled (heap_intervals.py).

The two sides of a `top -diff_base` are taken apart by the label `pprof::base=true`. A row is
new - base as a share of the base's total; its interval combines the score intervals of both
sides (R. G. Newcombe, Stat. Med. 17, 1998). Totals are taken as known: they are measured, not
sampled. These are intervals of one row each; which of many rows really changed is for `compare`
to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.profile.graph import Graph
from whet.analyze.profile.heap_intervals import Sampling, heap_sampling, share_interval
from whet.analyze.profile.intervals import (
    Interval,
    Intervals,
    NodeIntervals,
    build_intervals,
    wilson_interval,
)
from whet.analyze.profile.report import Report
from whet.analyze.profile.select import select_samples
from whet.analyze.profile.values import base_samples
from whet.model.profile import Profile

__all__ = ["node_intervals"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Side:
    """One side: what its shares rest upon, and flat and cum values of nodes in parts of its total."""

    intervals: Intervals
    flat: F64
    cum: F64


def node_intervals(report: Report, graph: Graph) -> Intervals:
    """Return what the rows of a report rest upon: an interval for each node where rows differ in it."""
    base, filtered = base_samples(report.whole), base_samples(report.profile)
    if base is None or not base.any() or base.all() or report.total == 0:
        return _of_heap(report, graph, report.intervals())
    if filtered is None:
        filtered = np.zeros(len(report.profile.samples), bool)
    old = _side(report, graph, base, filtered)
    new = _side(report, graph, ~base, ~filtered)
    reason = old.intervals.reason or new.intervals.reason
    if reason:
        return Intervals(report.total, None, 0.0, reason)
    factor = new.intervals.total / old.intervals.total
    by_node = NodeIntervals(
        flat=_differences(graph.order, new, old, new.flat, old.flat, factor),
        cum=_differences(graph.order, new, old, new.cum, old.cum, factor),
    )
    return Intervals(
        report.total,
        (old.intervals.samples or 0) + (new.intervals.samples or 0),
        old.intervals.effective + new.intervals.effective,
        by_node=by_node,
    )


def _of_heap(report: Report, graph: Graph, intervals: Intervals) -> Intervals:
    whole, part = heap_sampling(report.whole, report.index), heap_sampling(report.profile, report.index)
    if intervals.reason or whole is None or part is None or report.total <= 0:
        return intervals
    flat_variance, cum_variance = _node_sums(report, graph, part)
    variance = float(whole.variance.sum())

    def interval(value: int, of_value: float) -> Interval:
        return share_interval(value / report.total, report.total, of_value, variance, whole.grain)

    by_node = NodeIntervals(
        flat={n: interval(graph.flat_value(n), float(flat_variance[n])) for n in graph.order},
        cum={n: interval(graph.cum_value(n), float(cum_variance[n])) for n in graph.order},
    )
    return replace(intervals, by_node=by_node)


def _node_sums(report: Report, graph: Graph, sampling: Sampling) -> tuple[F64, F64]:
    """Return the variances of the nodes' flat and cum values, summed in parts of the whole's 2^52nd."""
    unit = max(float(sampling.variance.sum()), 1.0) / (1 << 52)
    samples, nodes = report.profile.samples, graph.nodes
    weights = np.rint(sampling.variance / unit).astype(np.int64)
    flat, cum = kernels.flat_cum(
        samples.stack_start, samples.stack, nodes.slot_start, nodes.slot_node, weights, len(nodes)
    )
    return np.asarray(flat * unit, np.float64), np.asarray(cum * unit, np.float64)


def _side(report: Report, graph: Graph, whole: Mask, filtered: Mask) -> _Side:
    part = _positive(select_samples(report.whole, whole))
    total = int(part.samples.values[:, report.index].sum())
    intervals = build_intervals(part, report.index, total)
    samples, nodes = report.profile.samples, graph.nodes
    values = np.where(filtered, np.abs(report.values), 0)
    flat, cum = kernels.flat_cum(
        samples.stack_start, samples.stack, nodes.slot_start, nodes.slot_node, values, len(nodes)
    )
    scale = 1.0 / max(total, 1)
    return _Side(intervals, np.asarray(flat * scale, np.float64), np.asarray(cum * scale, np.float64))


def _positive(profile: Profile) -> Profile:
    """Return one side of a difference as it was before it was subtracted."""
    return replace(profile, samples=replace(profile.samples, values=np.abs(profile.samples.values)))


def _differences(
    nodes: list[int], new: _Side, old: _Side, new_share: F64, old_share: F64, factor: float
) -> dict[int, Interval]:
    """Return the interval of new - old for each node, in parts of the old total."""
    found = {}
    for node in nodes:
        p, q = float(new_share[node]), float(old_share[node])
        of_new, of_old = (
            wilson_interval(p, new.intervals.effective),
            wilson_interval(q, old.intervals.effective),
        )
        change = factor * p - q
        low = change - float(np.hypot(factor * (p - of_new.low), of_old.high - q))
        high = change + float(np.hypot(factor * (of_new.high - p), q - of_old.low))
        found[node] = Interval(low, high)
    return found
