"""Call an empty function N times in the loop of one tool; valgrind counts the instructions.

count_calls.py bare|whet|timeit|pyperf|pytest N
"""

from __future__ import annotations

import sys

from trust_subjects import noop


def bare(calls: int) -> None:
    unrolled = 100
    names: dict[str, object] = {}
    exec("def run(rounds, call):\n for _ in rounds:\n" + "  call()\n" * unrolled, names)
    names["run"](range(calls // unrolled), noop)  # type: ignore[operator]


def whet(calls: int) -> None:
    from whet.collect.probe import load_probe

    # The loop alone: under valgrind everything is so slow that a slice of the usual length has few calls.
    timer = load_probe().BenchTimer()
    timer._prepare(1 << 50, 1, calls, False)
    call = noop
    for _ in timer:
        call()
    assert timer._iterations == calls


def timeit(calls: int) -> None:
    import timeit as module

    module.Timer("call()", "from trust_subjects import noop as call").timeit(calls)


def pyperf(calls: int) -> None:
    import pyperf as module

    sys.argv = [sys.argv[0], "--worker", f"--loops={calls}", "--values=1", "--warmups=0", "--worker-task=0"]
    module.Runner().bench_func("noop", noop)


def pytest(calls: int) -> None:
    from pytest_benchmark.fixture import BenchmarkFixture

    # What its runner does for one round of so many iterations.
    runner = BenchmarkFixture._make_runner(_FixtureLike(), noop, (), {})
    runner(range(calls))


class _FixtureLike:
    """As much of a fixture as its runner reads."""

    _disable_gc = False
    enabled = True

    def __init__(self) -> None:
        import time

        self._timer = time.perf_counter


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]))
