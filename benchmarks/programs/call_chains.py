"""Two call chains of short functions that never mix: a program that is hard to read from outside.

    python call_chains.py SECONDS [THREADS]

THREADS more threads wait. Prints `ready`, and at the end the turns of each tenth of a second in a line.
A stack is true if its functions below `main` are a0 a1 ... or b0 b1 ..., all of one letter and in this order.
"""

import sys
import threading
import time

DEPTH = 8
LINES = [
    f"def {x}{i}(n):\n    return {f'{x}{i + 1}(n)' if i + 1 < DEPTH else 'n'}\n"
    for x in "ab"
    for i in range(DEPTH)
]
exec(compile("".join(LINES), "chains.py", "exec"))


def main() -> None:
    """Call the chains in turns until the time is over."""
    a, b = globals()["a0"], globals()["b0"]
    done, slices = threading.Event(), []
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 0):
        threading.Thread(target=done.wait, daemon=True).start()
    print("ready", flush=True)
    next_end = time.monotonic()
    for _ in range(round(10 * float(sys.argv[1]))):
        next_end += 0.1
        turns = 0
        while time.monotonic() < next_end:
            for _ in range(100):
                a(1)
                b(1)
            turns += 100
        slices.append(turns)
    print(*slices, flush=True)


main()
