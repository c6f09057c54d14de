"""`top`: a table of nodes with flat and cum. Layout: pprof's `printText`."""

from __future__ import annotations

from whet.render.profile.header import report_labels, running_value, value_text
from whet.units import format_percentage

# What most reports do not have is imported where it is needed: some of it loads NumPy.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whet.analyze.profile.intervals import Intervals
    from whet.analyze.profile.speedup import Speedup
    from whet.analyze.profile.table import ReportFace, TableFace

__all__ = ["render_top"]

_TITLES = f"{'flat':>10} {'flat':>5}% {'sum':>5}% {'cum':>10} {'cum':>5}%"


def render_top(
    report: ReportFace, table: TableFace, intervals: Intervals | None = None, speedups: Sequence[Speedup] = ()
) -> Iterator[str]:
    """Yield the lines of the report; `intervals` adds columns and `speedups` lines pprof does not have."""
    yield from report_labels(report, table)
    if speedups:
        from whet.render.profile.speedup import speedup_lines

        yield from speedup_lines(speedups)
    if intervals is not None:
        from whet.render.profile.intervals import INTERVAL_TITLES, interval_note, interval_text

        yield interval_note(intervals)
    yield _TITLES if intervals is None else f"{_TITLES} {INTERVAL_TITLES}"
    inlined = table.inlined()
    total, running = report.total, 0
    for node in table.order:
        flat, cum = table.flat_value(node), table.cum_value(node)
        running += flat if report.config.as_pprof else int(table.flat[node])
        row = (
            f"{value_text(report, flat):>10} {format_percentage(flat, total)} "
            f"{format_percentage(running_value(report, running), total)} "
            f"{value_text(report, cum):>10} {format_percentage(cum, total)}"
        )
        if intervals is not None:
            row += f" {interval_text(intervals, node, flat, cum)}"
        yield f"{row}  {table.name(node)}{_mark(inlined.get(node))}"


def _mark(inlined: tuple[bool, bool] | None) -> str:
    if inlined is None or not inlined[0]:
        return ""
    return " (partial-inline)" if inlined[1] else " (inline)"
