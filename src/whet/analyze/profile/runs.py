"""Several recorded runs in one table: what a comparison compares.

A run is one profile. Nodes of different runs are the same where their printable names at the
chosen granularity are. Knows nothing of sides, tests and verdicts.

Samples have unequal weights, and some nodes' samples are heavier than others' (a thread that
runs rarely is sampled late). The share p of a node whose samples have weights w has the variance
((1-p)^2 sum_in w^2 + p^2 sum_out w^2) / W^2; what that is in units of p(1-p)/n, n being the
effective number of samples of the whole run, is its design effect (L. Kish, "Survey Sampling",
1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.profile.intervals import Intervals
from whet.analyze.profile.nodes import Nodes, build_nodes
from whet.analyze.profile.report import Report
from whet.errors import UsageError
from whet.model.profile import Profile
from whet.units import same_family, to_base

__all__ = ["NodeTable", "Run", "build_run", "build_table"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

SAMPLES_COUNT = ("samples", "count")


@dataclass(frozen=True, slots=True)
class Run:
    """One profile, summed up.

    Attributes:
        source: what the user calls it.
        unit: base unit of `total`.
        total: the value that shares are shares of, in `unit`.
        duration_ns: wall-clock duration, 0 = unknown.
        period: between samples, in units of the profile; 0 = unknown.
        intervals: how many samples it rests upon.
        names, files: of the nodes that have a value.
        flat, cum: float64[nodes], shares of the total.
        flat_effect, cum_effect: float64[nodes], their design effects, at least 1.
    """

    source: str
    sample_type: str
    unit: str
    total: int
    duration_ns: int
    period: int
    intervals: Intervals
    names: list[str]
    files: list[str]
    flat: F64
    cum: F64
    flat_effect: F64
    cum_effect: F64

    @property
    def effective(self) -> float:
        """How many independent samples the shares rest upon; 0 where the profile does not say."""
        return 0.0 if self.intervals.reason else self.intervals.effective


@dataclass(frozen=True, slots=True)
class NodeTable:
    """The same nodes in several runs.

    Attributes:
        flat, cum: float64[runs, nodes], shares.
        flat_effect, cum_effect: float64[nodes], mean design effects.
    """

    names: list[str]
    files: list[str]
    flat: F64
    cum: F64
    flat_effect: F64
    cum_effect: F64


def build_run(report: Report, source: str) -> Run:
    """Sum up a prepared profile.

    Raises:
        UsageError: it has no value to take shares of, or is a difference of profiles.
    """
    _check(report, source)
    nodes = build_nodes(report.profile, report.config.granularity)
    intervals = report.intervals()
    flat, cum = _sums(report, nodes, report.values)
    present = np.flatnonzero((flat != 0) | (cum != 0))
    rows = present.tolist()
    total, unit = to_base(report.total, report.header.sample_unit)
    shares = flat[present] / report.total, cum[present] / report.total
    if intervals.reason:
        effects = np.ones(len(rows)), np.ones(len(rows))
    else:
        of_flat, of_cum = _sums(report, nodes, _squares(report, report.profile))
        whole = float(_squares(report, report.whole).sum())
        effects = (
            _design_effect(shares[0], of_flat[present] / whole),
            _design_effect(shares[1], of_cum[present] / whole),
        )
    return Run(
        source=source,
        sample_type=report.header.sample_type,
        unit=unit,
        total=total,
        duration_ns=report.header.duration_nanos,
        period=report.header.period,
        intervals=intervals,
        names=[nodes.printable_name(n) for n in rows],
        files=[nodes.full_file(n) for n in rows],
        flat=shares[0],
        cum=shares[1],
        flat_effect=effects[0],
        cum_effect=effects[1],
    )


def _sums(report: Report, nodes: Nodes, values: I64) -> tuple[I64, I64]:
    samples = report.profile.samples
    return kernels.flat_cum(
        samples.stack_start, samples.stack, nodes.slot_start, nodes.slot_node, values, len(nodes)
    )


def _squares(report: Report, profile: Profile) -> I64:
    """Return the summed squares of the samples' weights, in units of the mean weight.

    Of samples that were added up only the mean weight is known.
    """
    column = profile.sample_type_names().index(SAMPLES_COUNT)
    counts = np.maximum(profile.samples.values[:, column], 1).astype(np.float64)
    weights = profile.samples.values[:, report.index].astype(np.float64)
    mean = report.total / max(report.whole.samples.values[:, column].sum(), 1)
    squares: I64 = np.rint(weights * weights / counts / mean).astype(np.int64)
    return squares


def _design_effect(share: F64, squares: F64) -> F64:
    """Return design effects of shares whose samples have `squares` of the whole's squares."""
    plain = np.maximum(share * (1.0 - share), 1e-12)
    return np.maximum((squares * (1.0 - share) ** 2 + (1.0 - squares) * share**2) / plain, 1.0)


def _check(report: Report, source: str) -> None:
    if (report.whole.samples.values[:, report.index] < 0).any():
        raise UsageError(
            f"{source}: a difference of profiles cannot be compared", hint="give the profiles themselves"
        )
    if report.total == 0:
        raise UsageError(
            f"{source}: the profile has no {report.header.sample_type} samples",
            hint="nothing was recorded in it, or choose another value with --sample_index",
        )


def build_table(runs: Sequence[Run]) -> NodeTable:
    """Put runs side by side; a node that a run does not have is 0 in it.

    Raises:
        UsageError: their values are of different kinds.
    """
    first = runs[0]
    for run in runs[1:]:
        if run.unit != first.unit and not same_family(run.unit, first.unit):
            raise UsageError(
                f"{run.source}: {run.sample_type} in {run.unit} cannot be compared "
                f"with {first.sample_type} in {first.unit}",
                hint="choose one value with --sample_index",
            )
    rows: dict[str, int] = {}
    files: list[str] = []
    places = []
    for run in runs:
        place = np.empty(len(run.names), np.int64)
        for i, (name, file) in enumerate(zip(run.names, run.files, strict=True)):
            place[i] = row = rows.setdefault(name, len(rows))
            if row == len(files):
                files.append(file)
        places.append(place)
    shape = (len(runs), len(rows))
    flat, cum = (_side_by_side(shape, places, column) for column in _columns(runs, "flat", "cum"))
    effects = (_side_by_side(shape, places, c) for c in _columns(runs, "flat_effect", "cum_effect"))
    flat_effect, cum_effect = map(_mean_effect, (flat, cum), effects)
    return NodeTable(list(rows), files, flat, np.minimum(cum, 1.0), flat_effect, cum_effect)


def _columns(runs: Sequence[Run], *names: str) -> list[list[F64]]:
    return [[getattr(run, name) for run in runs] for name in names]


def _side_by_side(shape: tuple[int, int], places: list[I64], columns: list[F64]) -> F64:
    # Equal names within one run are different functions to it; here they are one.
    table = np.zeros(shape)
    for row, place, column in zip(table, places, columns, strict=True):
        np.add.at(row, place, column)
    return table


def _mean_effect(shares: F64, effects: F64) -> F64:
    """Average over the runs that have a node, by its share in them."""
    weight = shares.sum(axis=0)
    mean: F64 = np.where(weight > 0.0, (shares * effects).sum(axis=0) / np.maximum(weight, 1e-30), 1.0)
    return np.maximum(mean, 1.0)
