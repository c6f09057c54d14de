"""Tables of what settings of the garbage collector gain and cost, as text and JSON. It computes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from whet.analyze.bench.sequential import Decision
from whet.analyze.gc_advice import Advice, Row
from whet.render.bench.words import end_text, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SCHEMA_VERSION", "advice_lines", "document", "text_table"]

SCHEMA_VERSION = 1
_HEADINGS = (
    "setting", "time", "time ratio", "95 % interval", "peak memory", "memory ratio",
    "collections", "collecting", "longest pause", "rounds", "verdict",
)  # fmt: skip


def text_table(baseline: Row, rows: Sequence[Row], margin: float) -> str:
    """Return an aligned table, the default first."""
    cells = [_HEADINGS, *(_cells(row, margin) for row in [baseline, *rows])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADINGS))]
    lines = []
    for line in cells:
        numbers = (cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True))
        lines.append("  ".join([line[0].ljust(widths[0]), *numbers, line[-1]]).rstrip())
    return "\n".join(lines) + "\n"


def advice_lines(
    advice: Advice, baseline: Row, margin: float, code_of: Callable[[str], str], measured: str
) -> list[str]:
    """Return the advice in words.

    Args:
        advice: what to do.
        baseline: the default's row.
        margin: a relative gain that is not worth a change.
        code_of: the Python code for a setting.
        measured: what was compared, "time" or "CPU time".
    """
    lines = []
    if baseline.pause_share is not None:
        lines.append(f"the collector takes {baseline.pause_share:.1%} of the {measured} by default")
    best = advice.best
    if best is not None and best.decision is not None:
        found = best.decision
        low, high = 1 - found.high, 1 - found.low
        lines.append(
            f"best: {best.setting}: {1 - found.ratio:.1%} less {measured} "
            f"(95 % interval {low:.1%} to {high:.1%})"
            f"{_for_memory(best.memory_ratio)}; in your program: {code_of(best.setting)}"
        )
    if advice.is_idle:
        lines.append(f"nothing to gain: collecting takes less than the margin of {margin:.1%}")
    elif advice.is_open:
        more = f"; about {advice.rounds_needed:,} rounds would tell (--time)" if advice.rounds_needed else ""
        lines.append(f"not all is decided: settings marked `cannot tell` may gain more{more}")
    elif best is None:
        lines.append(f"nothing to gain: no setting makes the {measured} shorter by more than {margin:.1%}")
    if advice.bound is not None:
        lines.append(_bound(advice.bound, measured))
    return lines


def document(
    baseline: Row, rows: Sequence[Row], advice: Advice, *, margin: float, clock: str, doubts: Sequence[str]
) -> str:
    """Return the same as JSON; numbers are as measured, what is unknown or infinite is null."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "clock": clock,
        "margin": margin,
        "settings": [_record(row) for row in [baseline, *rows]],
        "advice": {
            "best": advice.best.setting if advice.best else None,
            "open": advice.is_open,
            "idle": advice.is_idle,
            "rounds_needed": advice.rounds_needed or None,
        },
        "doubts": list(doubts),
    }
    return json.dumps(content, indent=2) + "\n"


def _record(row: Row) -> dict[str, object]:
    found = row.decision
    return {
        "setting": row.setting,
        "rounds": len(row.runs),
        "time_ns": row.time_ns,
        "time_ratio": found.ratio if found else None,
        "time_ratio_low": found.low if found else None,
        "time_ratio_high": found.high if found and math.isfinite(found.high) else None,
        "verdict": found.verdict if found else None,
        "peak_rss_bytes": row.peak_rss_bytes or None,
        "memory_ratio": row.memory_ratio,
        "collections": row.median("collections"),
        "pause_ns": row.median("pause_ns"),
        "longest_pause_ns": row.median("longest_ns"),
    }


def _cells(row: Row, margin: float) -> tuple[str, ...]:
    found, collections, longest = row.decision, row.median("collections"), row.median("longest_ns")
    return (
        row.setting,
        time_text(row.time_ns),
        f"{found.ratio:.3f}" if found else "",
        f"{found.low:.3f}–{end_text(found.high)}" if found else "",
        f"{row.peak_rss_bytes / 2**20:.1f} MB" if row.peak_rss_bytes else "?",
        f"{row.memory_ratio:.3f}" if row.memory_ratio else "",
        f"{collections:,.0f}" if collections is not None else "?",
        f"{row.pause_share:.1%}" if row.pause_share is not None else "?",
        time_text(longest) if longest is not None else "?",
        str(len(row.runs)),
        _verdict(found, margin) if found else "",
    )


def _verdict(found: Decision, margin: float) -> str:
    if found.verdict == "different":
        return f"{'slower' if found.ratio > 1 else 'faster'} by {abs(found.ratio - 1):.1%}"
    if found.verdict == "same":
        return f"no difference of more than {margin:.1%}"
    return "cannot tell"


def _bound(found: Decision, measured: str) -> str:
    if found.verdict == "different" and found.ratio < 1:
        return (
            f"bound: with no automatic collection at all the {measured} is {1 - found.ratio:.1%} less "
            "(cycles are never freed then)"
        )
    return f"bound: with no automatic collection at all the {measured} is not less either"


def _for_memory(ratio: float | None) -> str:
    return f", {ratio:.2f}x the memory" if ratio else ""
