"""Jobs that do everything a collector could trip over, for programs that record meanwhile."""

import asyncio
import contextlib
import ctypes
import gc
import importlib
import json
import mmap
import os
import queue
import random
import signal
import socket
import subprocess
import threading
import time
import types
import weakref

from whet.collect.labels import labels
from whet.collect.probe import load_probe

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


class Allocates:
    """Allocates where it is freed."""

    def __del__(self):
        self.rest = [bytes(100) for _ in range(20)]


def memory():
    kept = [bytearray(n) for n in (1, 500, 5_000, 500_000)]
    for block in kept:
        block.extend(b"x" * len(block))
        del block[len(block) // 2 :]
    for _ in range(50):
        one = Allocates()
        one.myself = one
    mapped = mmap.mmap(-1, 1 << 20)
    mapped[0] = 1
    mapped.close()
    ctypes.create_string_buffer(100_000)
    gc.collect()


def switch_gc():
    gc.disable()
    gc.enable()


def locks():
    lock, condition, jobs = threading.RLock(), threading.Condition(), queue.Queue()

    def work():
        with lock:
            time.sleep(0.0002)
        jobs.put(1)
        with condition:
            condition.notify()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        jobs.get()
    with condition:
        condition.wait(0.001)
    for thread in threads:
        thread.join()


def libraries():
    for name in ("libm.so.6", "libz.so.1"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(name)


JOBS = [
    short_threads, many_threads, deep_recursion, generators, exceptions, fresh_code, module_reload, tasks,
    json_and_gc, sockets, classes, subprocesses, fork_child, signal_handler, memory, switch_gc, locks,
    libraries,
]  # fmt: skip
SERIAL = threading.Lock()  # some jobs are not meant to run twice at a time
ALONE = {module_reload, many_threads, fork_child, subprocesses}


def run_jobs(seed, end):
    """Run random jobs until the monotonic clock shows `end`."""
    chance = random.Random(seed)
    while time.monotonic() < end:
        job = chance.choice(JOBS)
        if job in ALONE:
            with SERIAL:
                job()
        else:
            for _ in range(5):
                job()


class Workers:
    """Threads that run jobs until `end`."""

    def __init__(self, count, seed, end):
        signal.signal(signal.SIGUSR1, lambda *_: None)
        self.failures = []
        self._threads = [threading.Thread(target=self._work, args=(seed + i, end)) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def join(self):
        """Wait for them; an error in one of them is raised here."""
        for thread in self._threads:
            thread.join()
        assert not self.failures, self.failures

    def _work(self, seed, end):
        try:
            run_jobs(seed, end)
        except BaseException as error:
            self.failures.append(repr(error))
            raise
