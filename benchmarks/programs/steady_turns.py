"""A program of nothing but short calls that keeps a book of its speed.

    python steady_turns.py [THREADS] [DEPTH] [BUSY]

THREADS more threads wait, and BUSY ones make calls; 1 if not given. All of them do so below DEPTH frames of
recursion. Prints `ready`; at the end of its input it prints a line for each slice of about 5 ms of each busy
thread: when it began and ended (CLOCK_MONOTONIC), its thread's CPU time, all in ns, and the turns made.
"""

import sys
import threading
import time
from collections.abc import Callable

SLICE_NS = 5_000_000


def leaf(n: int) -> int:
    """Return what was given."""
    return n


def turn(n: int) -> int:
    """Make one call."""
    return leaf(n) + 1


Slice = tuple[int, int, int, int]


def work(over: threading.Event) -> list[Slice]:
    """Make turns until it is over."""
    slices = []
    begin_ns, begin_cpu_ns = time.monotonic_ns(), time.thread_time_ns()
    while not over.is_set():
        turns = 0
        while time.monotonic_ns() - begin_ns < SLICE_NS:
            for _ in range(200):
                turn(1)
            turns += 200
        end_ns, end_cpu_ns = time.monotonic_ns(), time.thread_time_ns()
        slices.append((begin_ns, end_ns, end_cpu_ns - begin_cpu_ns, turns))
        begin_ns, begin_cpu_ns = end_ns, end_cpu_ns
    return slices


def wait(over: threading.Event) -> list[Slice]:
    """Wait until it is over."""
    over.wait()
    return []


def below(depth: int, what: Callable[[threading.Event], list[Slice]], over: threading.Event) -> list[Slice]:
    """Do something at the end of a recursion."""
    return below(depth - 1, what, over) if depth else what(over)


def wait_for_end(over: threading.Event) -> None:
    """Say when the input has ended."""
    sys.stdin.read()
    over.set()


def main() -> None:
    """Work until the input ends."""
    threads, depth, busy = (int(word) for word in [*sys.argv[1:], *"001"[len(sys.argv) - 1 :]])
    over = threading.Event()
    slices: list[Slice] = []
    sys.setrecursionlimit(depth + 1000)
    jobs = [wait] * threads + [work] * (busy - 1)
    others = [
        threading.Thread(target=lambda job=job: slices.extend(below(depth, job, over)), daemon=True)
        for job in jobs
    ]
    for thread in others:
        thread.start()
    threading.Thread(target=wait_for_end, args=(over,), daemon=True).start()
    print("ready", flush=True)
    slices += below(depth, work, over)
    for thread in others:
        thread.join()
    for row in slices:
        print(*row)


main()
