"""Benchmarks of every kind that whet runs, and some that it cannot."""

import asyncio
import os
import sys
import time

import whet

SETUPS = []


def bench_nothing(b):
    for _ in b:
        pass


def bench_list(b):
    SETUPS.append(1)
    size = 100
    for _ in b:
        list(range(size))
    b.report_metric(len(SETUPS), "setups")
    b.report_metric(hash("x") % 1000003, "hash")


def bench_loop(b):
    while b.loop():
        sum(range(100))


def bench_counted(b):
    for _ in range(b.n):
        sum(range(100))


async def bench_tasks(b):
    for _ in b:
        await asyncio.sleep(0)


def bench_groups(b):
    def sort(b):
        data = list(range(50))
        b.set_bytes(400)
        for _ in b:
            sorted(data)

    b.run("sort/size=50", sort)
    b.run("reverse", lambda b: [None for _ in b])


@whet.parametrize(size=[1, 20], kind=["a b"])
def bench_parameters(b, size, kind):
    for _ in b:
        kind * size


def bench_threads(b):
    def body(pb):
        for _ in pb:
            sum(range(50))

    b.run_parallel(body)


def bench_stopped(b):
    left_out_ns = []
    for _ in b:
        b.stop_timer()
        before_ns = time.perf_counter_ns()
        sum(range(20_000))
        left_out_ns.append(time.perf_counter_ns() - before_ns)
        b.start_timer()
    b.report_metric(sum(left_out_ns) / len(left_out_ns), "left-out-ns")


def bench_prints(b):
    print("printed by the benchmark")
    for _ in b:
        pass


def bench_folded(b):
    for _ in b:
        x = 2 * 3  # noqa: F841


def bench_left(b):
    for _ in b:
        break


def bench_raises(b):
    for _ in b:
        raise ValueError("on purpose")


def bench_dies(b):
    os.kill(os.getpid(), 9)


def bench_leaves(b):
    sys.exit(3)
