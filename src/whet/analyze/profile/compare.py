"""Compare two profiles, or two groups of them: what changed, what did not, what nobody can tell.

Raw sample counts of profiles with different rates and durations cannot be compared. Three
measures can:

    share    part of the total; what a profile always tells
    second   value (CPU time) per second of wall-clock time
    run      value per run, for programs that do the same work each time

The last two are given in parts of the old side's mean total. They contain the total itself,
which a single run tells without any spread, so they need replicates: `ENOUGH_RUNS`. Where sampling is not
described (no samples/count column: heap, mutex), the replicates alone tell the variance.

How variances are found is in dispersion.py, how verdicts are in changes.py. No formatting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.changes import Changes, Levels, Verdict, find_changes
from whet.analyze.profile.dispersion import Measured, estimate_dispersion
from whet.analyze.profile.runs import NodeTable, Run, build_table
from whet.errors import UsageError

__all__ = ["MEASURES", "Comparison", "Tally", "compare"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MEASURES = ("share", "second", "run")
ENOUGH_RUNS = 3  # a side, where only the runs tell the variance; with two, t has too heavy tails to help


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of all nodes.

    Attributes:
        table: names and shares of the nodes in each run, old runs first.
        flat, cum: their differences; values are shares, or parts of `one`.
        total: of the total (one element); for shares it is 1 on both sides.
        one: what the value 1 stands for: the old side's mean total, per second or per run.
        spread: relative standard deviation from run to run.
        degrees: degrees of freedom it was measured with; 0 = it is an assumption.
        sampled: whether the missing decisions are due to sampling rather than to the runs.
    """

    old: list[Run]
    new: list[Run]
    measure: str
    levels: Levels
    table: NodeTable
    flat: Changes
    cum: Changes
    total: Changes
    one: float
    spread: float
    degrees: int
    sampled: bool

    def verdicts(self) -> I64:
        """Return one verdict a node: changed if its flat or its cum did, unchanged if neither."""
        flat, cum = self.flat.verdict, self.cum.verdict
        changed = (flat == Verdict.CHANGED) | (cum == Verdict.CHANGED)
        same = (flat == Verdict.UNCHANGED) & (cum == Verdict.UNCHANGED)
        verdict = np.where(same, Verdict.UNCHANGED, Verdict.CANNOT_TELL)
        return np.where(changed, Verdict.CHANGED, verdict).astype(np.int64)

    def needed(self) -> F64:
        """Return how many times the data would decide on each node; 1 where it is decided."""
        needed = np.maximum(self.flat.needed, self.cum.needed)
        return np.where(self.verdicts() == Verdict.CANNOT_TELL, needed, 1.0)

    def order(self, *, cum_first: bool) -> list[int]:
        """Return the nodes: changed ones first, then open ones, then others; biggest change first."""
        first, second = (self.cum, self.flat) if cum_first else (self.flat, self.cum)
        keys = (-np.abs(second.change), -np.abs(first.change), self.verdicts())
        order: list[int] = np.lexsort(keys).tolist()
        return order

    def tally(self) -> Tally:
        """Count the verdicts."""
        verdicts, needed = self.verdicts(), self.needed()
        undecided = needed[verdicts == Verdict.CANNOT_TELL]
        changed, cannot_tell, unchanged = np.bincount(verdicts, minlength=len(Verdict)).tolist()
        half = float(np.median(undecided)) if len(undecided) else 1.0
        most = float(undecided.max()) if len(undecided) else 1.0
        return Tally(changed, cannot_tell, unchanged, half, most)

    def largest_regression(self) -> tuple[int, float]:
        """Return the changed node that grew most, and by how much; (-1, 0.0) if none grew."""
        grown = np.zeros(len(self.table.names))
        for changes in (self.flat, self.cum):
            changed = changes.verdict == Verdict.CHANGED
            grown = np.maximum(grown, np.where(changed, changes.change, 0.0))
        if not grown.any():
            return -1, 0.0
        return int(grown.argmax()), float(grown.max())


@dataclass(frozen=True, slots=True)
class Tally:
    """How many nodes got which verdict, and how many times the data would decide the open ones."""

    changed: int
    cannot_tell: int
    unchanged: int
    needed_for_half: float
    needed_for_all: float


def compare(
    old: Sequence[Run], new: Sequence[Run], *, measure: str = "share", levels: Levels | None = None
) -> Comparison:
    """Compare the runs of two sides.

    Raises:
        UsageError: the runs do not tell enough for the measure.
    """
    levels = levels or Levels()
    runs = [*old, *new]
    table = build_table(runs)
    _check(runs, len(old), measure)
    factors, one = _scales(runs, len(old), measure)
    side = np.repeat([0, 1], [len(old), len(new)])
    shares = np.hstack([table.flat, table.cum, np.ones((len(runs), 1))])
    effect = np.hstack([table.flat_effect, table.cum_effect, np.ones(1)])
    # A function that only calls, and what it calls, are one hypothesis and one test.
    _, first, place = np.unique(shares, axis=1, return_index=True, return_inverse=True)
    place = place.ravel()
    measured, null = _measured(
        shares[:, first], effect[first], factors, runs, side, bounded=measure == "share"
    )
    dispersion = estimate_dispersion(measured)
    found = find_changes(measured, dispersion, null, levels, bounded=measure == "share")
    sampled = _is_due_to_sampling(found, measured.sampling, dispersion.variance(measured))
    nodes = len(table.names)
    return Comparison(
        list(old), list(new), measure, levels, table,
        found.take(place[:nodes]), found.take(place[nodes : 2 * nodes]), found.take(place[2 * nodes :]),
        one, dispersion.spread, measured.degrees, sampled,
    )  # fmt: skip


def _check(runs: Sequence[Run], old: int, measure: str) -> None:
    replicated = min(old, len(runs) - old) >= ENOUGH_RUNS
    if measure != "share" and not replicated:
        raise UsageError(
            f"values per {measure} need at least {ENOUGH_RUNS} runs a side, which tell how much runs differ",
            hint="give more runs a side, or compare shares",
        )
    unknown = next((run for run in runs if not run.effective), None)
    if unknown is not None and not replicated:
        reason = unknown.intervals.reason or "no samples"
        raise UsageError(
            f"{unknown.source}: {reason}; fewer than {ENOUGH_RUNS} runs a side cannot be compared",
            hint="give more runs a side: OLD... --to NEW...",
        )
    if measure == "second":
        timeless = next((run for run in runs if run.duration_ns <= 0), None)
        if timeless is not None:
            raise UsageError(
                f"{timeless.source}: the profile does not say how long it took", hint="use --per share or run"
            )


def _scales(runs: Sequence[Run], old: int, measure: str) -> tuple[F64, float]:
    """Return what a share of each run is multiplied with, and what the value 1 stands for."""
    if measure == "share":
        return np.ones(len(runs)), 1.0
    if len({run.unit for run in runs}) > 1 or (
        runs[0].unit not in ("nanoseconds", "bytes") and len({run.period for run in runs}) > 1
    ):
        raise UsageError(
            f"counts of {runs[0].sample_type} at different rates cannot be compared per {measure}",
            hint="compare shares, or choose a value in time or bytes with --sample_index",
        )
    totals = np.array([float(run.total) for run in runs])
    if measure == "second":
        totals /= np.array([run.duration_ns / 1e9 for run in runs])
    one = float(totals[:old].mean())
    return totals / one, one


def _measured(
    shares: F64, effect: F64, factors: F64, runs: Sequence[Run], side: I64, *, bounded: bool
) -> tuple[Measured, F64]:
    """Return values with their variances by sampling, and the values if nothing differs."""
    effective = np.array([run.effective for run in runs])
    if effective.all():
        # Half a sample keeps the variance of what was never seen above zero.
        null = (effective @ shares + 0.5) / (effective.sum() + 1.0)
        sampling = np.outer(factors**2 / effective, null * (1.0 - null) * effect)
        samples = effective.sum() * np.minimum(null, 1.0 - null) / effect
    else:
        null = np.clip(shares.mean(axis=0), 1e-9, 1.0 - 1e-9)
        sampling = np.zeros(shares.shape)
        samples = np.full(shares.shape[1], np.inf)
    scale = null * (1.0 - null) if bounded else null * factors.mean()
    measured = Measured(shares * factors[:, None], sampling, scale, side, samples)
    return measured, null if bounded else null * factors.mean()


def _is_due_to_sampling(changes: Changes, sampling: F64, variance: F64) -> bool:
    undecided = changes.verdict == Verdict.CANNOT_TELL
    if not undecided.any():
        return True
    return bool(np.median(sampling[:, undecided] / np.maximum(variance[:, undecided], 1e-30)) > 0.7)
