"""Two call chains of short functions that never mix: a program that is hard to read from outside.

    python call_chains.py

A stack is true if its functions below `main` are a0 a1 ... or b0 b1 ..., all of one letter and in this order.
Prints `ready`; at the end of its input it prints a line for each slice of about 20 ms: when it began and
ended (CLOCK_MONOTONIC), its thread's CPU time, all in ns, and the turns made.
"""

import sys
import threading
import time

DEPTH = 8
SLICE_NS = 20_000_000
LINES = [
    f"def {x}{i}(n):\n    return {f'{x}{i + 1}(n)' if i + 1 < DEPTH else 'n'}\n"
    for x in "ab"
    for i in range(DEPTH)
]
exec(compile("".join(LINES), "chains.py", "exec"))


def wait_for_end(over: threading.Event) -> None:
    """Say when the input has ended."""
    sys.stdin.read()
    over.set()


def main() -> None:
    """Call the chains in turns until the input ends."""
    a, b = globals()["a0"], globals()["b0"]
    over, slices = threading.Event(), []
    threading.Thread(target=wait_for_end, args=(over,), daemon=True).start()
    print("ready", flush=True)
    begin_ns, begin_cpu_ns = time.monotonic_ns(), time.thread_time_ns()
    while not over.is_set():
        turns = 0
        while time.monotonic_ns() - begin_ns < SLICE_NS:
            for _ in range(20):
                a(1)
                b(1)
            turns += 20
        end_ns, end_cpu_ns = time.monotonic_ns(), time.thread_time_ns()
        slices.append((begin_ns, end_ns, end_cpu_ns - begin_cpu_ns, turns))
        begin_ns, begin_cpu_ns = end_ns, end_cpu_ns
    for row in slices:
        print(*row)


main()
