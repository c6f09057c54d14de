"""Many small calls: the worst case of every profiler that hooks calls."""

from __future__ import annotations

from measured import measured


class Counter:
    """A class with small methods that call each other."""

    def __init__(self) -> None:
        self.value = 0

    def step(self, by: int) -> None:
        self.value = self.mix(self.value, by)

    def mix(self, a: int, b: int) -> int:
        return clamp(a + b)


def clamp(value: int) -> int:
    """Keep a value small."""
    return value if value < 1_000_003 else value - 1_000_003


def work(scale: float) -> int:
    counter = Counter()
    for i in range(int(22_000_000 * scale)):
        counter.step(i & 1023)
    return counter.value


if __name__ == "__main__":
    measured(work)
