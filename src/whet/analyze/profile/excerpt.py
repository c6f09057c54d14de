"""The part of a source file that shows one function.

Given the text of a file, where a function begins and which lines were hit, chooses the lines
worth showing: the whole function if it is not too long, else surroundings of the hits. Opens
nothing; the end of a Python function is found with `inspect.getblock`.
"""

from __future__ import annotations

import inspect
import tokenize

__all__ = ["Excerpt", "excerpt"]

Excerpt = list[tuple[int, list[str]]]

MAX_BLOCK = 200
MAX_PARSED = 5000
CONTEXT = 6
MAX_WIDTH = 400


def excerpt(lines: list[str], start_line: int, hits: list[int]) -> Excerpt:
    """Choose the lines of a function.

    Args:
        lines: the file, line by line, with line ends.
        start_line: first line of the function, 0 if unknown.
        hits: line numbers that must be shown; those beyond the file are ignored.

    Returns:
        [(number of the first line, lines without line ends)], in order; [] if nothing fits.
    """
    hits = sorted({h for h in hits if 1 <= h <= len(lines)})
    if not hits:
        return []
    first = start_line if 1 <= start_line <= hits[0] else max(1, hits[0] - CONTEXT)
    last = min(len(lines), max(_block_end(lines, first), hits[-1]))
    if last - first < MAX_BLOCK:
        return [_cut(lines, first, last)]
    # The function's head and what surrounds each hit; neighbours grow together.
    runs = [[first, min(first + 2, last)]]
    for hit in hits:
        low, high = max(first, hit - CONTEXT), min(last, hit + CONTEXT)
        if low <= runs[-1][1] + 1:
            runs[-1][1] = max(runs[-1][1], high)
        else:
            runs.append([low, high])
    return [_cut(lines, low, high) for low, high in runs]


def _cut(lines: list[str], first: int, last: int) -> tuple[int, list[str]]:
    return first, [line.rstrip("\r\n")[:MAX_WIDTH] for line in lines[first - 1 : last]]


def _block_end(lines: list[str], first: int) -> int:
    """Return the last line of the block that begins at `first`."""
    head = lines[first - 1].lstrip()
    if not head.startswith(("def ", "async ", "class ", "@")):
        return first
    try:
        return first + len(inspect.getblock(lines[first - 1 : first - 1 + MAX_PARSED])) - 1
    except (SyntaxError, tokenize.TokenError, ValueError):
        return first
