"""Print the ns of a bare call of an empty function: a hundred calls in a row, less the loop around them."""

from __future__ import annotations

import time

from trust_subjects import noop

CALLS, ROUNDS, RUNS = 100, 200, 200
# Two functions that differ in nothing but the hundred calls.
SOURCE = """\
def run(rounds, clock, call):
    begin = clock()
    for _ in rounds:
        pass
{}
    return clock() - begin
"""


def main() -> None:
    times = []
    for calls in (0, CALLS):
        names: dict[str, object] = {}
        exec(SOURCE.format("\n".join(["        call()"] * calls)), names)
        run = names["run"]
        times.append(min(run([0] * ROUNDS, time.perf_counter_ns, noop) for _ in range(RUNS)))  # type: ignore[operator]
    print((times[1] - times[0]) / CALLS / ROUNDS)


main()
