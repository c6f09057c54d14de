"""The biggest boxes of a profile as data: what `whet run` shows at the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.report import prepare, report_graph
from whet.analyze.profile.rows import node_row
from whet.model.profile import Profile
from whet.units import to_base

__all__ = ["Box", "Summary", "summarize", "summary_record"]


@dataclass(frozen=True, slots=True)
class Box:
    """One function. Shares are fractions of the total; None = not known.

    Attributes:
        line: where the function starts, 0 if unknown.
        flat, cum: own value, and value with everything it calls, in base units.
        bound: how many times faster at most without it; None = no limit.
    """

    name: str
    file: str
    line: int
    flat: int
    cum: int
    flat_share: float
    flat_share_low: float | None
    flat_share_high: float | None
    cum_share: float
    cum_share_low: float | None
    cum_share_high: float | None
    amdahl_bound: float | None
    amdahl_bound_low: float | None
    amdahl_bound_high: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The biggest boxes and what the numbers rest upon.

    Attributes:
        unit: base unit of `total` and of the values of boxes.
        samples: samples taken, None where the profile does not say.
        effective_samples: how many independent ones they are worth.
        few: whether there are too few to say much.
        reason: why there are no intervals, '' where there are.
        period: between samples, in `period_unit`; 0 = unknown.
        functions: how many functions have any value.
    """

    boxes: list[Box]
    sample_type: str
    unit: str
    total: int
    samples: int | None
    effective_samples: float
    few: bool
    reason: str
    duration_nanos: int
    period: int
    period_unit: str
    functions: int


def summarize(profile: Profile, *, limit: int = 10, sample_index: str = "") -> Summary:
    """Return the functions with the largest own value, the largest first.

    Raises:
        UsageError: the profile has no value column, or none of that name.
    """
    config = Config(sample_index=sample_index, granularity="filefunctions", nodefraction=0.0)
    loaded, _ = as_loaded(profile)
    report = prepare(loaded, config, Defaults(nodecount=0))
    graph, intervals = report_graph(report), report.intervals()
    biggest = [node for node in graph.order if graph.flat[node] != 0][:limit]
    boxes = [Box(**node_row(report, graph, intervals, node)) for node in biggest]
    header = report.header
    period, period_unit = to_base(header.period, (header.period_type or ("", ""))[1])
    total, unit = to_base(header.total, header.sample_unit)
    return Summary(
        boxes=boxes,
        sample_type=header.sample_type,
        unit=unit,
        total=total,
        samples=intervals.samples,
        effective_samples=intervals.effective,
        few=intervals.few,
        reason=intervals.reason,
        duration_nanos=header.duration_nanos,
        period=period,
        period_unit=period_unit,
        functions=graph.node_count,
    )


def summary_record(summary: Summary) -> dict[str, Any]:
    """Return a summary as a record that JSON can hold."""
    return asdict(summary)
