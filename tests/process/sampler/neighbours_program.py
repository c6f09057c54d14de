"""One misbehaving or demanding neighbour of the sampler, chosen by name.

    python neighbours_program.py NAME

Prints one JSON object with what the test asserts about.
"""

import asyncio
import faulthandler
import gc
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from whet.collect.cpu import CpuCollector
from whet.errors import CollectError
from whet.formats.pprof import decode


def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(200))


def thread_count():
    return len(list(Path("/proc/self/task").iterdir()))


def record(work, rate_hz=1000):
    collector = CpuCollector(rate_hz=rate_hz)
    collector.start()
    before_ns = time.process_time_ns()
    work()
    spent_ns = time.process_time_ns() - before_ns
    collector.stop()
    statistics = collector.statistics()
    profile = decode(collector.snapshots()["cpu.pb.gz"])
    names = profile.strings.texts()
    leaves = {}
    deepest = 0
    samples = profile.samples
    for row in range(len(samples)):
        stack = samples.stack[samples.stack_start[row] : samples.stack_start[row + 1]]
        deepest = max(deepest, len(stack))
        for location in {stack[0], stack[-1]}:
            line = profile.locations.line_start[location]
            name = names[profile.functions.name[profile.locations.line_function[line]]]
            leaves[name] = leaves.get(name, 0) + int(samples.values[row, 1])
    return {
        "statistics": statistics,
        # CPU time of the program by its own clock: without that of the collector's threads and handler.
        "spent_ns": spent_ns - statistics["service_ns"] - statistics["handler_ns"],
        "ends": leaves,
        "deepest": deepest,
        "comments": profile.comment_texts(),
    }


def own_sigprof():
    """The program profiles itself with SIGPROF and an interval timer."""
    seen = []
    signal.signal(signal.SIGPROF, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_PROF, 0.01, 0.01)
    result = record(lambda: spin(0.5))
    signal.setitimer(signal.ITIMER_PROF, 0, 0)
    return {**result, "seen": len(seen)}


def takes_signal():
    """The program installs its own SIGURG handler while it is sampled."""

    def work():
        spin(0.2)
        signal.signal(signal.SIGURG, lambda *_: None)
        spin(2.5)

    result = record(work)
    return {**result, "kept": signal.getsignal(signal.SIGURG) is not signal.SIG_DFL}


def fault_handler():
    """faulthandler takes SIGSEGV over: stacks are read the slow way and all is put back."""

    def work():
        faulthandler.enable()
        spin(0.3)
        faulthandler.disable()
        spin(0.1)

    return record(work)


def works_and_waits():
    """A thread that blocks as often as it is sampled."""

    def compute():
        for _ in range(60_000):
            pass

    def wait():
        time.sleep(0.001)

    def work():
        for _ in range(600):
            compute()
            wait()

    before_ns = time.thread_time_ns()
    for _ in range(600):
        wait()
    return {"waiting_ns": time.thread_time_ns() - before_ns, **record(work)}


def deep():
    """A recursion of 20,000 frames, twice the limit."""
    sys.setrecursionlimit(50_000)
    threading.stack_size(512 * 1024 * 1024)

    def down(n):
        if n == 0:
            spin(0.4)
        else:
            down(n - 1)

    def work():
        thread = threading.Thread(target=down, args=(20_000,))
        thread.start()
        thread.join()

    return record(work, rate_hz=100)


def many_threads():
    """Two hundred threads at a time, all named."""

    def work():
        threads = [threading.Thread(target=spin, args=(0.01,), name=f"pool-{i}") for i in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return record(work)


def switch_interval():
    """Threads that switch all the time."""
    sys.setswitchinterval(1e-5)

    def work():
        threads = [threading.Thread(target=spin, args=(0.2,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return record(work)


def generators_and_tasks():
    def grow(n):
        if n:
            yield from grow(n - 1)
        else:
            spin(0.1)
        yield n

    async def step(n):
        if n:
            await step(n - 1)
        else:
            spin(0.1)
            await asyncio.sleep(0)

    def work():
        list(grow(50))
        asyncio.run(step(50))

    return record(work)


def fork_children():
    """A child is not measured, and can be."""

    def work():
        statuses = []
        for measured in (False, True):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    if measured:
                        inner = record(lambda: spin(0.1))
                        status = 0 if inner["statistics"]["samples"] > 20 else 2
                    else:
                        spin(0.1)
                        status = 0
                finally:
                    os._exit(status)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        work.statuses = statuses
        spin(0.2)

    result = record(work)
    return {**result, "statuses": work.statuses}


def twice():
    """Only one recording at a time; a second one is refused, a later one works."""
    first = CpuCollector()
    first.start()
    try:
        CpuCollector().start()
        refused = ""
    except CollectError as error:
        refused = str(error)
    first.stop()
    first.stop()
    return {**record(lambda: spin(0.2)), "refused": refused}


def dying_code():
    """Functions that are gone before their samples are read, at addresses that are used again."""

    def work():
        # No clock is read in the loop: on a busy machine that is where the kernel would interrupt it.
        for i in range(3000):
            names = {}
            exec(f"def generated_{i % 50}():\n  return sum(range(20000))\n", names)
            names[f"generated_{i % 50}"]()

    return record(work, rate_hz=4000)


def subinterpreters():
    """Interpreters with their own objects, made and destroyed in threads."""
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    execute = getattr(interpreters, "exec", None) or interpreters.run_string
    source = (
        "import time\nend = time.thread_time() + 0.2\n"
        "while time.thread_time() < end:\n exec('def g(x): return x + 1\\ng(1)', {})\n"
    )

    def use():
        for _ in range(3):
            one = interpreters.create()
            execute(one, source)
            interpreters.destroy(one)

    def work():
        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return record(work, rate_hz=4000)


def late_library():
    """A library loaded while recording makes threads of its own (OpenBLAS in NumPy)."""
    own = []

    def work():
        before_ns = time.thread_time_ns()
        import numpy as np

        matrix = np.ones((600, 600))
        end = time.thread_time() + 0.5
        while time.thread_time() < end:
            matrix @ matrix
        own.append(time.thread_time_ns() - before_ns)

    result = record(work)
    return {**result, "other_threads_ns": result["spent_ns"] - sum(own)}


def put_back():
    """Stopping leaves signal dispositions and the code type as they were."""

    def dispositions():
        import ctypes

        libc = ctypes.CDLL(None)
        found = []
        for number in range(1, 65):
            buffer = ctypes.create_string_buffer(256)
            if libc.sigaction(number, None, buffer) == 0:
                # handler, the mask's 64 bits, and flags without the C library's own SA_RESTORER
                flags = int.from_bytes(buffer.raw[136:140], "little") & ~0x04000000
                found.append((buffer.raw[:16].hex(), flags))
        return found

    before, threads = dispositions(), thread_count()
    result = record(lambda: spin(0.1))
    gc.collect()
    return {
        **result,
        "same": dispositions() == before,
        "threads_left": thread_count() - threads,
    }


print(json.dumps(globals()[sys.argv[1]]()))
