"""Threads that make each other wait, for locks and for the GIL, by their own accounts.

    python holders_program.py OUT lock|gil

Writes mutex.pb.gz into OUT and prints a JSON object: by holding function how many nanoseconds of
others' waiting fell into the times when it held the lock or the GIL; and how long the threads that
wait for the GIL had no processor, on a busy machine, which their clock cannot tell from waiting.
"""

import ctypes
import json
import random
import sys
import threading
import time
from pathlib import Path

from whet.collect.blocking import BlockCollector

libc_without_gil = ctypes.CDLL(None)
libc_with_gil = ctypes.PyDLL(None)
holds = []  # (function, thread, begin, end)
waits = []  # (thread, begin, end)
delays = []  # of threads that want the GIL
lock = threading.Lock()
condition = threading.Condition()
everybody_watches = threading.Barrier(3)


def hold(function, ms):
    """Have the lock for some milliseconds; the caller is charged."""
    begin = time.monotonic_ns()
    lock.acquire()
    got = time.monotonic_ns()
    waits.append((threading.get_ident(), begin, got))
    libc_without_gil.usleep(int(1000 * ms * random.uniform(0.8, 1.2)))
    holds.append((function, threading.get_ident(), got, time.monotonic_ns()))


def hold_long():
    hold("hold_long", 8)
    lock.release()


def hold_short():
    hold("hold_short", 2)
    lock.release()


def take_lock():
    for i in range(30):
        (hold_long if i % 3 == 0 else hold_short)()
        libc_without_gil.usleep(random.randrange(500, 3000))


def wait_for_sign():
    """Waiting for somebody's sign is nobody's fault."""
    with condition:
        condition.wait()


def keep_gil(function, ms):
    begin = time.monotonic_ns()
    libc_with_gil.usleep(int(1000 * ms * random.uniform(0.8, 1.2)))
    holds.append((function, threading.get_ident(), begin, time.monotonic_ns()))


def keep_gil_long():
    keep_gil("keep_gil_long", 80)


# Nobody asks for the GIL before having waited for 5 ms: less would be charged to where it is given up.
def keep_gil_short():
    keep_gil("keep_gil_short", 40)


def take_gil():
    libc_without_gil.usleep(50_000)  # the main thread comes to wait for us, not for the GIL
    for i in range(15):
        (keep_gil_long if i % 3 == 0 else keep_gil_short)()
        libc_without_gil.usleep(random.randrange(500, 3000))


def delay_ns():
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1])


def want_gil(ended):
    before_ns = delay_ns()
    everybody_watches.wait()
    begin = time.monotonic_ns()
    while not ended.is_set():
        libc_without_gil.usleep(300)
        end = time.monotonic_ns()
        # The sleep's own length, a usual delay of the kernel's included, is no waiting.
        waits.append((threading.get_ident(), begin + 360_000, end))
        begin = end
    delays.append(delay_ns() - before_ns)


def caused():
    sums = {}
    for function, holder, held, released in holds:
        for waiter, begin, end in waits:
            overlap = min(end, released) - max(begin, held)
            if waiter != holder and overlap > 0:
                sums[function] = sums.get(function, 0) + overlap
    return sums


def main():
    random.seed(7)
    ended = threading.Event()
    if sys.argv[2] == "lock":
        threads = [threading.Thread(target=take_lock) for _ in range(4)]
        threads.append(threading.Thread(target=wait_for_sign))
    watchers = []
    if sys.argv[2] == "gil":
        threads = [threading.Thread(target=take_gil)]
        watchers = [threading.Thread(target=want_gil, args=(ended,)) for _ in range(2)]
        for watcher in watchers:
            watcher.start()
        everybody_watches.wait()
        libc_without_gil.usleep(50_000)  # they come back from the barrier and watch
    collector = BlockCollector()
    collector.start()
    for thread in threads:
        thread.start()
    for thread in threads[:4]:
        thread.join()
    if sys.argv[2] == "lock":
        with condition:
            condition.notify_all()
    collector.stop()
    ended.set()
    for watcher in watchers:
        watcher.join()
    Path(sys.argv[1], "mutex.pb.gz").write_bytes(collector.snapshots()["mutex.pb.gz"])
    print(json.dumps({"caused": caused(), "delay_ns": sum(delays)}))


main()
