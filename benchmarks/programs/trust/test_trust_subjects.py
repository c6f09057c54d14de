"""The subjects as tests of pytest-benchmark."""

from __future__ import annotations

from collections.abc import Callable

import trust_subjects


def test_fib(benchmark: Callable[[Callable[[], object]], object]) -> None:
    benchmark(trust_subjects.fib_20)


def test_dumps(benchmark: Callable[[Callable[[], object]], object]) -> None:
    benchmark(trust_subjects.dumps)


def test_noop(benchmark: Callable[[Callable[[], object]], object]) -> None:
    benchmark(trust_subjects.noop)
