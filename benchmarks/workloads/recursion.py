"""Deep recursion: most of the time is spent about 800 frames down."""

from __future__ import annotations

import sys

from measured import measured


def descend(depth: int, turns: int) -> int:
    """Go down and do some work at the bottom."""
    if depth:
        return descend(depth - 1, turns) + 1
    total = 0
    for i in range(turns):
        total += i & 7
    return total


def work(scale: float) -> int:
    sys.setrecursionlimit(5000)
    return sum(descend(800, 2000) for _ in range(int(15_000 * scale)))


if __name__ == "__main__":
    measured(work)
