"""Allocates known amounts in functions of known names, many recordings one after the other.

    truth_program.py DIRECTORY RECORDINGS MEAN_BYTES

Leaves DIRECTORY/N.pb.gz and DIRECTORY/truth.json: bytes allocated by function, in each of them.
"""

import ctypes
import json
import sys
from itertools import repeat
from pathlib import Path

from whet.collect.heap import HEAP, HeapCollector

try:
    import numpy as np
except ImportError:
    np = None

HEADER = sys.getsizeof(b"")
ENTRIES = dict.fromkeys(range(100))
KEYS_BYTES = ENTRIES.copy().__sizeof__() - {}.__sizeof__()
buffer_type = ctypes.c_char * 300_000
MEGA = 1_000_000


def tiny_bytes():
    for _ in repeat(None, 100_000):
        bytes(7)
    return 100_000 * (HEADER + 7)


def small_bytes():
    for _ in repeat(None, 4_000):
        bytes(900)
    return 4_000 * (HEADER + 900)


def lists():
    for _ in repeat(None, 600):
        _ = [None] * 1_000
    return 600 * 8_000


def dicts():
    for _ in repeat(None, 1_000):
        ENTRIES.copy()
    return 1_000 * KEYS_BYTES


def bytearrays():
    for _ in repeat(None, 100):
        bytearray(60_000)
    return 100 * 60_001


def buffers():
    for _ in repeat(None, 20):
        buffer_type()
    return 20 * 300_000


def arrays():
    if np is None:
        return 0
    for _ in repeat(None, 50):
        np.empty(100_000, np.uint8)
    return 50 * 100_000


def large():
    bytes(9 * MEGA)
    return 9 * MEGA


PARTS = (tiny_bytes, small_bytes, lists, dicts, bytearrays, buffers, arrays, large)


def main(directory, recordings, mean_bytes):
    out = Path(directory)
    for part in PARTS:
        part()
    for number in range(int(recordings)):
        collector = HeapCollector(mean_bytes=int(mean_bytes))
        collector.start()
        truth = {part.__name__: part() for part in PARTS}
        collector.stop()
        (out / f"{number}.pb.gz").write_bytes(collector.snapshots()[HEAP])
    (out / "truth.json").write_text(json.dumps({name: n for name, n in truth.items() if n}))


if __name__ == "__main__":
    main(*sys.argv[1:])
