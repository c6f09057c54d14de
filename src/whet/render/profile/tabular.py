"""Text in columns, right-aligned: every run of lines with a column shares its width.

The layout is that of Go's text/tabwriter with a padding of one blank.
"""

from __future__ import annotations

__all__ = ["align_right"]

_PADDING = 1


def align_right(text: str) -> str:
    """Replace the tabs that end cells; what follows the last one of a line is no cell."""
    lines = [line.split("\t") for line in text.split("\n")]
    out: list[str] = []
    _format(lines, out, [], 0, len(lines))
    return "\n".join(out)


def _format(lines: list[list[str]], out: list[str], widths: list[int], first: int, last: int) -> None:
    column, at = len(widths), first
    while at < last:
        if column >= len(lines[at]) - 1:
            at += 1
            continue
        _write(lines, out, widths, first, at)
        first, width = at, 0
        while at < last and column < len(lines[at]) - 1:
            width = max(width, len(lines[at][column]) + _PADDING)
            at += 1
        _format(lines, out, [*widths, width], first, at)
        first = at
    _write(lines, out, widths, first, last)


def _write(lines: list[list[str]], out: list[str], widths: list[int], first: int, last: int) -> None:
    for cells in lines[first:last]:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
        out.append("".join([*padded, *cells[len(widths) :]]))
