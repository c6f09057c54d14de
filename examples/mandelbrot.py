"""Draw the Mandelbrot set in the terminal, one band of lines a thread.

    whet run examples/mandelbrot.py [--size 70] [--threads 4]

Nothing is wrong with this one: almost all of its time belongs to the function that should have it.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor

SHADES = "    -=+*#%@"


def escape_time(c: complex, limit: int) -> int:
    """Return after how many steps z*z + c leaves the circle of radius 2."""
    z = 0j
    for step in range(limit):
        if abs(z) > 2.0:
            return step
        z = z * z + c
    return limit


def line(y: float, width: int, limit: int) -> str:
    """Draw one line of the picture; points that never leave are dots."""
    steps = (escape_time(complex(-2.2 + 3.2 * x / width, y), limit) for x in range(width))
    return "".join("." if step == limit else SHADES[min(step, len(SHADES) - 1)] for step in steps)


def picture(size: int, limit: int, threads: int) -> list[str]:
    """Draw all lines, from the top."""
    heights = [1.2 - 2.4 * row / size for row in range(size)]
    with ThreadPoolExecutor(threads, thread_name_prefix="band") as pool:
        return list(pool.map(lambda y: line(y, 2 * size, limit), heights))


def main() -> None:
    parser = argparse.ArgumentParser(description="draw the Mandelbrot set")
    parser.add_argument("--size", type=int, default=70, help="lines of the picture")
    parser.add_argument("--limit", type=int, default=10_000, help="steps after which a point is inside")
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    print("\n".join(picture(options.size, options.limit, options.threads)))


if __name__ == "__main__":
    main()
