"""A program that does everything a collector could trip over, while all of them start and stop at random.

    python torture_program.py SECONDS SEED THREADS

The last line of output is a JSON object: how often each collector was started, and how large its
profiles were. Anything else than exit status 0 is a failure.
"""

import json
import random
import sys
import time
import zlib

from stress_jobs import Workers

from whet.collect.blocking import BlockCollector
from whet.collect.cpu import CpuCollector
from whet.collect.dump import ThreadsCollector
from whet.collect.gc import GcCollector
from whet.collect.heap import HeapCollector
from whet.collect.tasks import TaskCollector

SECONDS, SEED, THREADS = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
END = time.monotonic() + SECONDS

MAKERS = {
    "cpu": lambda chance: CpuCollector(rate_hz=chance.choice([100, 1000, 10_000])),
    "heap": lambda chance: HeapCollector(mean_bytes=chance.choice([1, 4096, 512 * 1024])),
    "block": lambda chance: BlockCollector(threshold_ns=chance.choice([1_000, 100_000])),
    "gc": lambda _chance: GcCollector(),
    "tasks": lambda _chance: TaskCollector(),
    "threads": lambda _chance: ThreadsCollector(),
}


def main():
    chance = random.Random(SEED)
    workers = Workers(THREADS, SEED, END)
    running, started, size = {}, dict.fromkeys(MAKERS, 0), dict.fromkeys(MAKERS, 0)
    while time.monotonic() < END:
        name = chance.choice(list(MAKERS))
        if name in running:
            collector = running.pop(name)
            if chance.random() < 0.5:
                collector.stop()
            taken = collector.snapshots(["torture"])
            collector.stop()
            for file, data in taken.items():
                size[name] += len(zlib.decompress(data, 31) if file.endswith(".gz") else data)
            assert collector.facts()
        else:
            collector = running[name] = MAKERS[name](chance)
            collector.start()
            started[name] += 1
        time.sleep(chance.choice([0, 0, 0.001, 0.05]))
    workers.join()
    # Some still run: the interpreter ends with them on.
    print(json.dumps({"started": started, "bytes": size}))


main()
