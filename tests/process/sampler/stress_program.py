"""A program that does everything a sampler could trip over, while it is sampled very fast.

    python stress_program.py SECONDS RATE_HZ SEED THREADS [STORM]

Several threads run random jobs (short threads, deep recursion, generators, exceptions, fresh
code, module reload, asyncio, json, garbage collection, sockets, subprocesses, fork) and the
collector is stopped and started in between. STORM is storm.c as a shared library: it sends
sampling signals far beyond any rate. The last line of output is a JSON object with the collector's
totals; anything else than exit status 0 is a failure.
"""

import asyncio
import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import weakref

from whet.collect.labels import labels
from whet.collect.probe import load_probe

SECONDS, RATE_HZ, SEED, THREADS = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
END = time.monotonic() + SECONDS
STORM = ctypes.CDLL(sys.argv[5]) if len(sys.argv) > 5 else None
STORM_INTERVAL_NS = 5000
probe = load_probe()


def short_threads():
    threads = [threading.Thread(target=sum, args=(range(500),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def many_threads():
    def wait_and_work(gate):
        gate.wait()
        sum(range(2000))

    gate = threading.Event()
    threads = [threading.Thread(target=wait_and_work, args=(gate,)) for _ in range(200)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()


def deep_recursion():
    def down(n):
        return 0 if n == 0 else 1 + down(n - 1)

    down(700)


def generators():
    def grow(n):
        if n:
            yield from grow(n - 1)
        yield n

    for _ in range(20):
        list(grow(30))


def exceptions():
    def fail(n):
        if n == 0:
            raise ValueError("bottom")
        fail(n - 1)

    for _ in range(50):
        with contextlib.suppress(ValueError):
            fail(20)


def fresh_code():
    for i in range(20):
        names = {}
        exec(
            compile(
                f"def f{i}(x):\n def g(y):\n  return y + {i}\n return g(x)\ny = f{i}({i})", "<fresh>", "exec"
            ),
            names,
        )
        watched = weakref.ref(names[f"f{i}"].__code__)
        del names
        watched()


def module_reload():
    import colorsys
    import textwrap

    for module in (colorsys, textwrap):
        importlib.reload(module)


def tasks():
    async def work(n):
        with labels(task=n % 7):
            await asyncio.sleep(0)
            return sum(range(n))

    async def main():
        await asyncio.gather(*(work(i) for i in range(50)))

    asyncio.run(main())


def json_and_gc():
    json.loads(json.dumps([{"a": i, "b": [i] * 5} for i in range(100)]))
    cycle = []
    cycle.append(cycle)
    del cycle
    gc.collect()


def sockets():
    a, b = socket.socketpair()
    for _ in range(20):
        a.send(b"x")
        b.recv(1)
    a.close()
    b.close()
    time.sleep(0.0005)


def classes():
    for i in range(20):
        kind = types.new_class(f"K{i}", (dict,), {}, lambda ns: ns.update(size=len))
        kind(a=1).size(())


def subprocesses():
    subprocess.run(["true"], check=True)


def fork_child():
    pid = os.fork()
    if pid == 0:
        # The child is not measured, works, and can be measured on its own.
        status = 1
        try:
            assert not probe.sampler_running()
            sum(range(1000))
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def signal_handler():
    # os.kill to ourselves: Python-level handlers go on working.
    os.kill(os.getpid(), signal.SIGUSR1)


JOBS = [
    short_threads, many_threads, deep_recursion, generators, exceptions, fresh_code, module_reload, tasks,
    json_and_gc, sockets, classes, subprocesses, fork_child, signal_handler,
]  # fmt: skip
SERIAL = threading.Lock()  # some jobs are not meant to run twice at a time
ALONE = {module_reload, many_threads, fork_child, subprocesses}


def run_jobs(seed):
    chance = random.Random(seed)
    while time.monotonic() < END:
        job = chance.choice(JOBS)
        if job in ALONE:
            with SERIAL:
                job()
        else:
            for _ in range(5):
                job()


def main():
    signal.signal(signal.SIGUSR1, lambda *_: None)
    totals: dict[str, float] = {}
    failures = []

    def guarded(seed):
        try:
            run_jobs(seed)
        except BaseException as error:
            failures.append(repr(error))
            raise

    threads = [threading.Thread(target=guarded, args=(SEED + i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    if STORM:
        assert STORM.storm_start(STORM_INTERVAL_NS) == 0
    while time.monotonic() < END:
        reason = probe.sampler_start(RATE_HZ, 10_000)
        assert not reason, reason
        pause = time.monotonic() + min(5.0, SECONDS / 4)
        while time.monotonic() < pause:
            time.sleep(0.3)
            probe.sampler_profile(["checkpoint"])
        probe.sampler_stop()
        assert len(probe.sampler_profile([])) > 100
        for name, value in probe.sampler_statistics().items():
            totals[name] = totals.get(name, 0) + value
    if STORM:
        STORM.storm_stop()
    for thread in threads:
        thread.join()
    assert not failures, failures
    print(json.dumps(totals))


main()
