"""A program of nothing but short calls that keeps a book of its speed.

    python steady_turns.py [THREADS] [DEPTH]

THREADS more threads wait; the calls are made below DEPTH frames of recursion. Prints `ready`; at the end of
its input it prints a line for each slice of about 20 ms: when it began and ended (CLOCK_MONOTONIC), its
thread's CPU time, all in ns, and the turns made.
"""

import sys
import threading
import time

SLICE_NS = 20_000_000


def leaf(n: int) -> int:
    """Return what was given."""
    return n


def turn(n: int) -> int:
    """Make one call."""
    return leaf(n) + 1


def work(over: threading.Event) -> list[tuple[int, int, int, int]]:
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


def below(depth: int, over: threading.Event) -> list[tuple[int, int, int, int]]:
    """Work at the end of a recursion."""
    return below(depth - 1, over) if depth else work(over)


def wait_for_end(over: threading.Event) -> None:
    """Say when the input has ended."""
    sys.stdin.read()
    over.set()


def main() -> None:
    """Work until the input ends."""
    threads, depth = (int(word) for word in [*sys.argv[1:], "0", "0"][:2])
    over = threading.Event()
    for _ in range(threads):
        threading.Thread(target=over.wait, daemon=True).start()
    threading.Thread(target=wait_for_end, args=(over,), daemon=True).start()
    sys.setrecursionlimit(depth + 1000)
    print("ready", flush=True)
    for row in below(depth, over):
        print(*row)


main()
