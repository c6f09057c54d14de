"""Eight benchmarks of functions that live in a module of the repository."""

from __future__ import annotations

import compared_work

import whet


def bench_total(b: whet.B) -> None:
    for _ in b:
        compared_work.total()


def bench_count(b: whet.B) -> None:
    for _ in b:
        compared_work.count()


def bench_dumps(b: whet.B) -> None:
    for _ in b:
        compared_work.dumps()


def bench_order(b: whet.B) -> None:
    for _ in b:
        compared_work.order()


def bench_join(b: whet.B) -> None:
    for _ in b:
        compared_work.join()


def bench_objects(b: whet.B) -> None:
    for _ in b:
        compared_work.objects()


def bench_chain(b: whet.B) -> None:
    for _ in b:
        compared_work.chain()


def bench_checksum(b: whet.B) -> None:
    for _ in b:
        compared_work.checksum()
