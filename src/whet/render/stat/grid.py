"""Texts in columns: widths, margins and cells that span columns, as benchstat lays them out.

Cells are placed by column; a column is as wide as its widest cell with the widest left margin in
it. A cell that spans columns widens those that may stretch, evenly. Blank cells leave no trace.
Rows of thousands come as strips, a column's texts at a time, which takes a fraction of the time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Cell", "Strip", "lay_out"]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Strip:
    """The texts of one column in many rows, one for each row; '' where a row has none.

    Attributes:
        column: where they stand.
        texts: none of which ends with a blank, but in columns that others follow in every row.
        margin: what stands left of each, inside its width.
        align: `left` or `right`.
    """

    column: int
    texts: list[str]
    margin: str = ""
    align: str = "left"


def lay_out(
    rows: list[list[Cell]],
    shrinking: set[int],
    strips: Sequence[Strip] = (),
    last: Sequence[list[Cell]] = (),
) -> Iterator[str]:
    """Yield the lines of a table.

    Args:
        rows: the first ones.
        shrinking: columns that do not stretch for cells that span them.
        strips: the rows that follow, column by column in ascending order.
        last: the rows after them.
    """
    starts, margins = _measured([*rows, *last], shrinking, strips)
    for row in rows:
        yield _line(row, starts, margins)
    if strips:
        yield from _joined(strips, starts, margins)
    for row in last:
        yield _line(row, starts, margins)


def _measured(
    rows: list[list[Cell]], shrinking: set[int], strips: Sequence[Strip]
) -> tuple[list[int], list[int]]:
    """Return where each column begins, and where the last one ends; and their margins."""
    columns = max((cell.column + cell.span for row in rows for cell in row), default=0)
    columns = max([columns, *(strip.column + 1 for strip in strips)])
    margins = [0] * columns
    longest = [-1] * columns
    for row in rows:
        for cell in row:
            margins[cell.column] = max(margins[cell.column], len(cell.margin))
            if cell.span == 1:
                longest[cell.column] = max(longest[cell.column], len(cell.text))
    for strip in strips:
        length = max(map(len, strip.texts), default=-1)
        longest[strip.column] = max(longest[strip.column], length)
        if length > 0:
            margins[strip.column] = max(margins[strip.column], len(strip.margin))
    widths = [text + margin if text >= 0 else 0 for text, margin in zip(longest, margins, strict=True)]
    wide = [cell for row in rows for cell in row if cell.span != 1]
    for cell in sorted(wide, key=lambda c: c.span):
        _stretch(cell, len(cell.text) + margins[cell.column], widths, shrinking)
    return [0, *itertools.accumulate(widths)], margins


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


def _joined(strips: Sequence[Strip], starts: list[int], margins: list[int]) -> Iterator[str]:
    """Yield the lines of strips."""
    padded: list[list[str]] = []
    at = 0
    for strip in strips:
        start, end = starts[strip.column], starts[strip.column + 1]
        width = end - at
        margin = strip.margin.rjust(start - at + margins[strip.column])
        rest = width - len(margin)
        if strip.align == "left":
            padded.append([(margin + text).ljust(width) if text else " " * width for text in strip.texts])
        else:
            padded.append([margin + text.rjust(rest) if text else " " * width for text in strip.texts])
        at = end
    for pieces in zip(*padded, strict=True):
        yield "".join(pieces).rstrip(" ")


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
