"""Threads that compute, sleep and wait in known parts, on as busy a machine as there is.

Prints a JSON object: the collector's account of each thread, the program's own of some, and the time
that other guests of the hypervisor took from the processors, which no clock of a thread has.
"""

import hashlib
import json
import os
import threading
import time
from pathlib import Path

from whet.collect.blocking import BlockCollector

SECONDS = 0.6
own = {}


def account(work):
    """Run `work` and note the thread's life and CPU time."""

    def run():
        begin_ns = time.monotonic_ns()
        work()
        own[threading.current_thread().name] = {
            "life_ns": time.monotonic_ns() - begin_ns,
            "cpu_ns": time.thread_time_ns(),
        }

    return run


def stolen_ns():
    ticks = int(Path("/proc/stat").read_text().split()[8])
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def mix():
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        sum(range(20_000))
        time.sleep(0.003)


def compute():
    end = time.monotonic() + SECONDS
    block = bytes(1 << 20)
    while time.monotonic() < end:
        hashlib.sha256(block).digest()


def argue():
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with lock:
            time.sleep(0.002)


lock = threading.Lock()
ended, half_way = threading.Event(), threading.Event()


def wait_and_go_on():
    half_way.wait()
    sum(range(1_000_000))
    time.sleep(0.02)


def main():
    blocked = threading.Thread(target=ended.wait, name="blocked")
    released = threading.Thread(target=wait_and_go_on, name="released")
    for thread in (blocked, released):
        thread.start()
    time.sleep(0.05)
    before_ns = stolen_ns()
    collector = BlockCollector()
    collector.start()
    threads = [
        threading.Thread(target=account(work), name=f"{work.__name__}-{i}")
        for work in (mix, compute, argue)
        for i in range(3)
    ]
    started_ns = {}
    for thread in threads:
        started_ns[thread.name] = time.monotonic_ns()
        thread.start()
    half_way.set()
    for thread in threads:
        thread.join()
    for name, begin_ns in started_ns.items():
        own[name]["at_most_ns"] = time.monotonic_ns() - begin_ns
    collector.stop()
    ended.set()
    rows = {row["thread"]: row for row in collector.threads()}
    print(json.dumps({"rows": rows, "own": own, "stolen_ns": stolen_ns() - before_ns}))


main()
