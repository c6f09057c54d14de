"""Eight threads that compute and take turns on the interpreter lock."""

from __future__ import annotations

import threading

from measured import measured


def collatz(start: int) -> int:
    """Count steps to 1."""
    steps = 0
    while start != 1:
        start = start // 2 if start % 2 == 0 else 3 * start + 1
        steps += 1
    return steps


def search(first: int, count: int, found: list[int]) -> None:
    """Find the longest chain of a range."""
    found.append(max(collatz(n) for n in range(first, first + count)))


def work(scale: float) -> int:
    found: list[int] = []
    count = int(370_000 * scale / 8)
    threads = [threading.Thread(target=search, args=(1 + i * count, count, found)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(found)


if __name__ == "__main__":
    measured(work)
