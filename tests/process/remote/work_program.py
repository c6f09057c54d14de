"""A program with known shares: three functions that compute for 50, 30 and 20 % of its CPU time.

    python work_program.py [THREADS] [DEPTH]

THREADS more threads wait for an event; DEPTH frames of recursion lie below the work. Prints `ready`, then a
line with the CPU time in ns of each function's turns so far whenever a line comes on stdin, until that ends.
"""

import contextlib
import sys
import threading
import time

DONE = threading.Event()
SPENT = {"half": 0, "third": 0, "fifth": 0}
UNIT_NS = 200_000


def spin(until):
    while time.thread_time_ns() < until:
        for _ in range(100):
            pass


def half(until):
    spin(until)


def third(until):
    spin(until)


def fifth(until):
    spin(until)


def stepped(function, until):
    yield function(until)


async def awaited(function, until):
    for _step in stepped(function, until):
        pass


def turn(function, parts):
    begin = time.thread_time_ns()
    with contextlib.suppress(StopIteration):
        awaited(function, begin + parts * UNIT_NS).send(None)
    SPENT[function.__name__] += time.thread_time_ns() - begin


def work():
    while not DONE.is_set():
        turn(half, 5)
        turn(third, 3)
        turn(fifth, 2)


def deeper(depth):
    if depth:
        deeper(depth - 1)
    else:
        work()


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    depth = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    sys.setrecursionlimit(depth + 1000)
    for _ in range(threads):
        threading.Thread(target=DONE.wait).start()
    threading.Thread(target=deeper, args=(depth,)).start()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(*SPENT.values(), flush=True)
    DONE.set()


main()
