"""A comparison as text: what was compared, a row a node, how many got which verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from whet.analyze.profile.changes import Changes, Verdict
from whet.analyze.profile.compare import Comparison, Tally
from whet.analyze.profile.runs import Run
from whet.units import format_value

__all__ = ["render_comparison", "summary_line"]

_SIDE = f"{'old':>9} {'new':>9} {'change':>8} {'95 % interval':>16}"
_WORDS = {Verdict.CHANGED: "changed", Verdict.UNCHANGED: "unchanged", Verdict.CANNOT_TELL: "cannot tell"}
_MEASURES = {
    "share": "shares of the total",
    "second": "{type} per second of wall-clock time",
    "run": "{type} per run",
}


def render_comparison(comparison: Comparison, nodes: Sequence[int]) -> Iterator[str]:
    """Yield the lines of the report, with rows for the given nodes."""
    yield from _facts(comparison)
    yield ""
    yield f"{'flat':-^{len(_SIDE)}}   {'cum':-^{len(_SIDE)}}"
    yield f"{_SIDE}   {_SIDE}   verdict"
    if comparison.measure != "share":
        total = _side_text(comparison, comparison.total, 0)
        verdict = _WORDS[Verdict(int(comparison.total.verdict[0]))]
        yield f"{'':>{len(_SIDE)}}   {total}   {verdict:<18} (total)"
    verdicts, needed = comparison.verdicts().tolist(), comparison.needed().tolist()
    for node in nodes:
        flat, cum = (_side_text(comparison, c, node) for c in (comparison.flat, comparison.cum))
        verdict = _WORDS[Verdict(verdicts[node])]
        if verdicts[node] == Verdict.CANNOT_TELL:
            verdict += f" ({_times(needed[node])})"
        yield f"{flat}   {cum}   {verdict:<18} {comparison.table.names[node]}"
    yield ""
    hidden = len(comparison.table.names) - len(nodes)
    if hidden:
        yield f"{hidden} more not shown (-nodecount=0 -nodefraction=0 shows all)"
    yield summary_line(comparison)


def summary_line(comparison: Comparison) -> str:
    """Say how many functions changed, did not change, or cannot be told."""
    tally = comparison.tally()
    text = (
        f"{_functions(tally.changed)} changed, {tally.unchanged} unchanged, {tally.cannot_tell} cannot tell"
    )
    return text + (f": {_remedy(tally, comparison)}" if tally.cannot_tell else "")


def _functions(count: int) -> str:
    return f"{count} function" if count == 1 else f"{count} functions"


def _remedy(tally: Tally, comparison: Comparison) -> str:
    what = "samples" if comparison.sampled else "runs"
    half, everything = _times(tally.needed_for_half), _times(tally.needed_for_all)
    if half == everything:
        return f"{everything} the {what} would tell"
    return f"{half} the {what} would tell half of them, {everything} all"


def _times(needed: float) -> str:
    return f"{max(math.ceil(needed), 2)}x" if needed < 1e6 else "more than a million x"


def _facts(comparison: Comparison) -> Iterator[str]:
    yield f"Old: {_side_facts(comparison.old)}"
    yield f"New: {_side_facts(comparison.new)}"
    kind = comparison.old[0].sample_type
    measure = _MEASURES[comparison.measure].format(type=kind)
    levels = comparison.levels
    yield (
        f"Type: {kind}, comparing {measure}; unchanged: within ±{100 * levels.margin:g} % of the total; "
        f"false discovery rate {100 * levels.false_discovery_rate:g} %"
    )
    spread = f"{100 * comparison.spread:.2g} %"
    if comparison.degrees:
        yield f"From run to run a small share varies by {spread} beyond sampling"
    else:
        yield f"From run to run a small share is assumed to vary by {spread}; several runs a side measure it"


def _side_facts(runs: Sequence[Run]) -> str:
    count = f"{len(runs)} run" + ("s" if len(runs) > 1 else "")
    total = format_value(sum(run.total for run in runs), runs[0].unit)
    duration = sum(run.duration_ns for run in runs)
    parts = [count, f"{total} in {format_value(duration, 'nanoseconds')}" if duration else total]
    if all(run.effective for run in runs):
        samples = sum(run.intervals.samples or 0 for run in runs)
        parts.append(f"{samples} samples worth {sum(run.effective for run in runs):.0f}")
    names = runs[0].source if len(runs) == 1 else f"{runs[0].source} ... {runs[-1].source}"
    return f"{', '.join(parts)} ({names})"


def _side_text(comparison: Comparison, changes: Changes, row: int) -> str:
    old, new = _value(comparison, changes.old[row]), _value(comparison, changes.new[row])
    change = f"{100 * changes.change[row]:+.2f}%"
    interval = f"{100 * changes.low[row]:+.2f}..{100 * changes.high[row]:+.2f}"
    return f"{old:>9} {new:>9} {change:>8} {interval:>16}"


def _value(comparison: Comparison, value: float) -> str:
    if comparison.measure == "share":
        return f"{100 * value:.2f}%"
    return format_value(round(float(value) * comparison.one), comparison.old[0].unit)
