"""Allocates from very many different stacks; prints what the collector says and how much memory it took.

    stacks_program.py LEVELS ALLOCATIONS MEAN_BYTES BUDGET_BYTES [KEEP]

    stacks_program.py labels SETS MEAN_BYTES BUDGET_BYTES

    stacks_program.py threads LEVELS THREADS

There are 2 ** LEVELS stacks with ALLOCATIONS allocations each. KEEP of all blocks stay in use.
"""

import ctypes
import json
import os
import re
import sys
import tempfile
import threading
from itertools import repeat

from whet.collect.heap import HEAP, HeapCollector
from whet.collect.labels import labels
from whet.formats.pprof import decode

SIZE = sys.getsizeof(b"") + 31
kept = []


def left(path, level, count):
    return descend(path, level, count)


def right(path, level, count):
    return descend(path, level, count)


def descend(path, level, count):
    if level == 0:
        for _ in repeat(None, count):
            bytes(31)
        return
    if path & 1:
        right(path >> 1, level - 1, count)
    else:
        left(path >> 1, level - 1, count)


def keep(count):
    kept.extend(bytes(31) for _ in range(count))


def number_bytes(path):
    """What a walk along `path` allocates beside the blocks: numbers and the iterator at its end."""
    walked = sys.getsizeof(repeat(None, 1))
    if sys.version_info >= (3, 14):
        return walked  # numbers come out of a free list
    while path > 256:  # smaller ones are there already
        walked += sys.getsizeof(path)
        path >>= 1
    return walked


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def labelled(sets, mean_bytes, budget_bytes):
    """Allocate under very many different labels."""
    collector = HeapCollector(mean_bytes=mean_bytes, budget_bytes=budget_bytes, native=False)
    collector.start()
    for number in range(sets):
        with labels(request=str(number)):
            for _ in repeat(None, 20):
                bytes(31)
    collector.stop()
    profile = decode(collector.snapshots()[HEAP])
    return {
        "truth_bytes": sets * 20 * SIZE,
        "statistics": collector.statistics(),
        "profile_bytes": int(profile.samples.values[:, 1].sum()),
        "comments": collector.comments(),
    }


def malloc_bytes():
    """What malloc has of the system, in all its arenas."""
    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    with tempfile.TemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fdopen(os.dup(file.fileno()), b"w"))
        assert libc.malloc_info(0, stream) == 0
        libc.fclose(stream)
        file.seek(0)
        return int(re.findall(rb'<system type="current" size="(\d+)"', file.read())[-1])


def threaded(levels, threads):
    """Walk the paths in threads that take turns, each of them with an arena of malloc's."""

    def walk(number):
        for path in range(number, 2**levels, threads):
            descend(path, levels, 1)
        done[number].set()
        end.wait()

    end, done = threading.Event(), [threading.Event() for _ in range(threads)]
    collector = HeapCollector(mean_bytes=1, budget_bytes=256 << 20, native=False)
    collector.start()
    before = malloc_bytes()
    for number in range(threads):
        threading.Thread(target=walk, args=(number,)).start()
        done[number].wait()
    grown = malloc_bytes() - before
    end.set()
    collector.stop()
    return {"own_bytes": collector.statistics()["own_bytes"], "malloc_grown_bytes": grown}


def main(levels, allocations, mean_bytes, budget_bytes, count_kept=0):
    kept.extend(repeat(None, count_kept))
    kept.clear()
    collector = HeapCollector(mean_bytes=mean_bytes, budget_bytes=budget_bytes, native=False)
    collector.start()
    before = resident_bytes()
    for path in range(2**levels):
        descend(path, levels, allocations)
    keep(count_kept)
    after = resident_bytes()
    collector.stop()
    statistics = collector.statistics()
    profile = decode(collector.snapshots()[HEAP])
    texts = profile.strings.texts()
    names = [texts[profile.functions.system_name[f]] for f in profile.locations.line_function]
    s = profile.samples
    leaves = [names[s.stack[start]] for start in s.stack_start[:-1]]
    folded = sum(int(s.values[row, 1]) for row, leaf in enumerate(leaves) if leaf == "[stacks folded here]")
    return {
        "truth_bytes": 2**levels * allocations * SIZE + sum(map(number_bytes, range(2**levels))),
        "kept_bytes": len(kept) * SIZE,
        "kept_estimate": sum(int(s.values[row, 3]) for row in range(len(s))),
        "statistics": statistics,
        "profile_bytes": int(s.values[:, 1].sum()),
        "folded_bytes": folded,
        "grown_bytes": after - before,
        "comments": collector.comments(),
        "stacks": len({tuple(s.stack[a:b]) for a, b in zip(s.stack_start, s.stack_start[1:], strict=False)}),
    }


if __name__ == "__main__":
    modes = {"labels": labelled, "threads": threaded}
    if sys.argv[1] in modes:
        print(json.dumps(modes[sys.argv[1]](*map(int, sys.argv[2:]))))
    else:
        print(json.dumps(main(*map(int, sys.argv[1:]))))
