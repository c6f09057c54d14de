"""The subjects as benchmarks of whet."""

from __future__ import annotations

import trust_subjects

import whet


def bench_fib(b: whet.B) -> None:
    call = trust_subjects.fib_20
    for _ in b:
        call()


def bench_dumps(b: whet.B) -> None:
    call = trust_subjects.dumps
    for _ in b:
        call()


def bench_noop(b: whet.B) -> None:
    call = trust_subjects.noop
    for _ in b:
        call()
