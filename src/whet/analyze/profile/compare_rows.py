"""A comparison as a record for machines: the schema is docs/prof-compare-json.schema.json.

Numbers stay numbers: shares as fractions, times as parts of `one`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whet.analyze.profile.changes import Changes, Verdict
from whet.analyze.profile.compare import Comparison
from whet.analyze.profile.runs import Run

__all__ = ["VERDICTS", "comparison_record"]

SCHEMA_VERSION = 1
VERDICTS = {
    Verdict.CHANGED: "changed",
    Verdict.CANNOT_TELL: "cannot tell",
    Verdict.UNCHANGED: "unchanged",
}
Record = dict[str, Any]


def comparison_record(comparison: Comparison, nodes: Sequence[int]) -> Record:
    """Return the record of a comparison with the given nodes as rows."""
    tally, first = comparison.tally(), comparison.old[0]
    verdicts, needed = comparison.verdicts().tolist(), comparison.needed().tolist()
    rows = [
        {
            "name": comparison.table.names[node],
            "file": comparison.table.files[node],
            "verdict": VERDICTS[Verdict(verdicts[node])],
            "needed": needed[node],
            "flat": _change_record(comparison.flat, node),
            "cum": _change_record(comparison.cum, node),
        }
        for node in nodes
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "measure": comparison.measure,
        "sample_type": first.sample_type,
        "unit": first.unit,
        "one": comparison.one,
        "margin": comparison.levels.margin,
        "false_discovery_rate": comparison.levels.false_discovery_rate,
        "spread": comparison.spread,
        "spread_degrees": comparison.degrees,
        "old": [_run_record(run) for run in comparison.old],
        "new": [_run_record(run) for run in comparison.new],
        "changed": tally.changed,
        "unchanged": tally.unchanged,
        "cannot_tell": tally.cannot_tell,
        "needed_for_half": tally.needed_for_half,
        "needed_for_all": tally.needed_for_all,
        "needed_are": "samples" if comparison.sampled else "runs",
        "total": _change_record(comparison.total, 0),
        "rows": rows,
    }


def _run_record(run: Run) -> Record:
    return {
        "source": run.source,
        "total": run.total,
        "duration_ns": run.duration_ns,
        "samples": run.intervals.samples,
        "effective_samples": run.effective or None,
    }


def _change_record(changes: Changes, row: int) -> Record:
    return {
        "old": float(changes.old[row]),
        "new": float(changes.new[row]),
        "change": float(changes.change[row]),
        "low": float(changes.low[row]),
        "high": float(changes.high[row]),
        "p_value": float(changes.p_value[row]),
        "q_value": float(changes.q_value[row]),
        "verdict": VERDICTS[Verdict(int(changes.verdict[row]))],
    }
