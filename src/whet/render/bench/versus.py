"""Tables of two versions side by side: plain text and GitHub's Markdown. It computes nothing but medians."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from whet.analyze.bench.sequential import Decision
from whet.render.bench.words import end_text, time_text

__all__ = ["Row", "markdown_table", "text_table"]

# (name, old ns per operation, new ns per operation, quiet or not, decision or None, error)
Row = tuple[str, Sequence[float], Sequence[float], Sequence[bool], Decision | None, str]
HEADINGS = ("benchmark", "old", "new", "new/old", "95 % interval", "pairs", "verdict")


def text_table(rows: Sequence[Row], margin: float) -> str:
    """Return an aligned table and what its words mean."""
    cells = [HEADINGS, *(_cells(row, margin) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADINGS))]
    lines = []
    for line in cells:
        numbers = (cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True))
        shown = [line[0].ljust(widths[0]), *numbers]
        lines.append("  ".join([*shown, line[-1]]).rstrip())
    return "\n".join(lines) + "\n"


def markdown_table(rows: Sequence[Row], margin: float) -> str:
    """Return a table for GitHub."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        name, *rest = _cells(row, margin)
        lines.append(f"| `{name}` | " + " | ".join(cell.replace("|", "\\|") for cell in rest) + " |")
    return "\n".join(lines) + "\n"


def _cells(row: Row, margin: float) -> tuple[str, ...]:
    name, old, new, _quiet, decision, error = row
    if error or decision is None:
        return (name, "", "", "", "", "", f"failed: {error}" if error else "too fast to compare")
    return (
        name,
        time_text(statistics.median(old)),
        time_text(statistics.median(new)),
        f"{decision.ratio:.3f}",
        f"{decision.low:.3f}–{end_text(decision.high)}",
        str(decision.pairs),
        _verdict(decision, margin),
    )


def _verdict(decision: Decision, margin: float) -> str:
    if decision.verdict == "different":
        word = "slower" if decision.ratio > 1 else "faster"
        return f"{word} by {abs(decision.ratio - 1):.1%}"
    if decision.verdict == "same":
        return f"no difference of more than {margin:.1%}"
    more = f"; about {decision.pairs_needed} pairs would" if decision.pairs_needed else ""
    return f"cannot tell{more}"
