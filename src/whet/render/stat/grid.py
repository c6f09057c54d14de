"""Texts in columns: widths, margins and cells that span columns, as benchstat lays them out.

Cells are placed by column; a column is as wide as its widest cell with the widest left margin in
it. A cell that spans columns widens those that may stretch, evenly. Blank cells leave no trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Cell", "lay_out"]


@dataclass(slots=True)  # frozen ones take twice as long to make, and large tables have many
class Cell:
    """A text in a row.

    Attributes:
        column: where it begins.
        text: of the cell.
        span: how many columns it covers.
        margin: what stands left of it, inside its width.
        align: `left`, `center` or `right`.
    """

    column: int
    text: str
    span: int = 1
    margin: str = ""
    align: str = "left"


def lay_out(rows: list[list[Cell]], shrinking: set[int]) -> Iterator[str]:
    """Yield the lines of a table; columns in `shrinking` do not stretch for cells that span them."""
    columns = max((cell.column + cell.span for row in rows for cell in row), default=0)
    margins = [0] * columns
    longest = [-1] * columns
    wide: list[Cell] = []
    for row in rows:
        for cell in row:
            column, length = cell.column, len(cell.text)
            if len(cell.margin) > margins[column]:
                margins[column] = len(cell.margin)
            if cell.span != 1:
                wide.append(cell)
            elif length > longest[column]:
                longest[column] = length
    widths = [text + margin if text >= 0 else 0 for text, margin in zip(longest, margins, strict=True)]
    for cell in sorted(wide, key=lambda c: c.span):
        _stretch(cell, len(cell.text) + margins[cell.column], widths, shrinking)
    starts = [0]
    for width in widths:
        starts.append(starts[-1] + width)
    for row in rows:
        yield _line(row, starts, margins)


def _stretch(cell: Cell, width: int, widths: list[int], shrinking: set[int]) -> None:
    """Widen the columns of a cell until it fits."""
    span = range(cell.column, cell.column + cell.span)
    if sum(widths[c] for c in span) >= width:
        return
    width -= sum(widths[c] for c in span if c in shrinking)
    growing = sorted((c for c in span if c not in shrinking), key=lambda c: -widths[c])
    for i, column in enumerate(growing):
        left = len(growing) - i
        widths[column] = max(widths[column], (width + left - 1) // left)
        width -= widths[column]


def _line(row: list[Cell], starts: list[int], margins: list[int]) -> str:
    pieces: list[str] = []
    at = 0
    for cell in row:
        text, column = cell.text, cell.column
        if not text.strip() and not cell.margin.strip():
            continue
        margin = margins[column]
        gap = starts[column] - at
        # A text wider than its cell pushes what follows: the gap is then negative, yet printed.
        pieces.append(" " * abs(gap) + cell.margin.rjust(margin))
        at += gap + margin
        if cell.align != "left":
            text = _aligned(cell, starts[column + cell.span] - starts[column] - margin)
        pieces.append(text)
        at += len(text)
    return "".join(pieces)


def _aligned(cell: Cell, width: int) -> str:
    if cell.align == "right":
        return cell.text.rjust(width) if width >= 0 else cell.text.ljust(-width)
    before = int((width - len(cell.text)) / 2)
    return " " * abs(before) + cell.text
