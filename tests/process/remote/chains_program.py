"""Two call chains of short functions that never mix, for as long as it is let; prints `ready` first.

Each function makes one call, in its second line, so that a stack that mixes chains, misses a link or has a
parent on another line cannot exist.
"""

import sys
import time

DEPTH = 8


def chain(letter: str, depth: int) -> str:
    below = f"{letter}{depth + 1}(n)" if depth + 1 < DEPTH else "n"
    return f"def {letter}{depth}(n):\n    return {below}\n\n"


exec(compile("".join(chain(letter, i) for letter in "ab" for i in range(DEPTH)), "chains.py", "exec"))


def main() -> None:
    a, b = globals()["a0"], globals()["b0"]
    print("ready", flush=True)
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        for _ in range(2000):
            a(1)
            b(1)


main()
