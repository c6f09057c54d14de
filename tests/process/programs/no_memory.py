"""Runs out of memory while a collector looks on; prints the collector's statistics and keeps its profile.

    no_memory.py COLLECTOR DIRECTORY

The limit is lifted at the end: whoever writes a profile needs memory, too.
"""

import asyncio
import json
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

from whet.collect.blocking import BlockCollector
from whet.collect.cpu import CpuCollector
from whet.collect.heap import HeapCollector
from whet.collect.tasks import TaskCollector

COLLECTORS = {
    "cpu": lambda: CpuCollector(rate_hz=5000),
    "heap": lambda: HeapCollector(mean_bytes=1),
    "block": lambda: BlockCollector(threshold_ns=1000),
    "tasks": lambda: TaskCollector(wait_threshold_ns=1000, slow_threshold_ns=1000),
}
LEVELS = 14
# CPython 3.11 says so where it has no room for a frame.
NO_MEMORY = (MemoryError, SystemError)


def left(path, level):
    descend(path, level)


def right(path, level):
    descend(path, level)


def descend(path, level):
    """Have stacks that differ, as many as there are paths."""
    if level:
        (right if path & 1 else left)(path >> 1, level - 1)
        return
    end = time.perf_counter() + 0.0005
    while time.perf_counter() < end:
        bytes(1000)
    time.sleep(0.000_02)


async def awaiting(path, level):
    """Have coroutines that differ, as many as there are paths."""
    if level:
        await (right_of if path & 1 else left_of)(path >> 1, level - 1)
    else:
        await asyncio.sleep(0)


async def left_of(path, level):
    await awaiting(path, level)


async def right_of(path, level):
    await awaiting(path, level)


def work(seconds):
    end, path = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        path += 1
        with suppress(NO_MEMORY):
            descend(path, LEVELS)


async def work_in_tasks(seconds):
    end, path = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        path += 1
        with suppress(NO_MEMORY):
            await asyncio.create_task(awaiting(path, LEVELS))


def all_memory():
    """Take what the limit leaves, but for the crumbs."""
    taken, size = [], 1 << 24
    while size >= 1 << 12:
        try:
            taken.append(bytearray(size))
        except NO_MEMORY:
            size >>= 1
    return taken


def main():
    name, directory = sys.argv[1], Path(sys.argv[2])
    loop = asyncio.new_event_loop()
    collector = COLLECTORS[name]()
    collector.start()

    def run(seconds):
        if name == "tasks":
            loop.run_until_complete(work_in_tasks(seconds))
        else:
            work(seconds)

    run(0.3)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + (8 << 20), hard))
    taken = all_memory()
    run(3)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    taken.clear()
    run(0.3)
    collector.stop()
    for file, data in collector.snapshots().items():
        (directory / file).write_bytes(data)
    print(json.dumps({"statistics": collector.statistics(), "comments": collector.comments()}))


main()
