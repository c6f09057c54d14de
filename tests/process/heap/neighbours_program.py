"""What may happen beside the heap collector, one scenario a run; prints JSON.

neighbours_program.py SCENARIO
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

from whet.collect.heap import HEAP, HEAP_PEAK, HeapCollector
from whet.formats.pprof import decode

MIB = 1 << 20


def rows_of(data):
    """Values of each (leaf function, size class), summed over threads, labels and ages."""
    profile = decode(data)
    texts, s, rows = profile.strings.texts(), profile.samples, {}
    names = [texts[profile.functions.system_name[f]] for f in profile.locations.line_function]
    for row in range(len(s)):
        labels = range(s.label_start[row], s.label_start[row + 1])
        size = next(int(s.labels.number[i]) for i in labels if texts[s.labels.key[i]] == "bytes")
        leaf = names[s.stack[s.stack_start[row]]]
        values = rows.setdefault(f"{leaf} {size}", [0] * s.values.shape[1])
        rows[f"{leaf} {size}"] = [a + int(b) for a, b in zip(values, s.values[row], strict=True)]
    return rows


def record(function, mean_bytes=1, **options):
    collector = HeapCollector(mean_bytes=mean_bytes, **options)
    collector.start()
    result = function()
    collector.stop()
    return {
        "rows": rows_of(collector.snapshots()[HEAP]),
        "statistics": collector.statistics(),
        "comments": collector.comments(),
        "result": result,
    }


# Sizes that no other code here allocates, none of them in one size class.
def reallocs():
    api = ctypes.pythonapi
    for domain in ("PyMem_Raw", "PyMem_", "PyObject_"):
        malloc, calloc = getattr(api, f"{domain}Malloc"), getattr(api, f"{domain}Calloc")
        realloc, free = getattr(api, f"{domain}Realloc"), getattr(api, f"{domain}Free")
        for function in (malloc, calloc, realloc):
            function.restype = ctypes.c_void_p
        malloc.argtypes, calloc.argtypes = [ctypes.c_size_t], [ctypes.c_size_t, ctypes.c_size_t]
        realloc.argtypes, free.argtypes = [ctypes.c_void_p, ctypes.c_size_t], [ctypes.c_void_p]

        def walk(malloc=malloc, calloc=calloc, realloc=realloc, free=free):
            block = malloc(100_000)
            block = realloc(block, 200_000)
            block = realloc(block, 400_000)
            block = realloc(block, 50_000)
            assert realloc(block, sys.maxsize) is None
            assert realloc(block, sys.maxsize // 2) is None
            other = realloc(None, 800_000)
            free(block)
            free(other)
            free(calloc(10, 160_000))
            assert calloc(sys.maxsize, 16) is None
            small = malloc(300)
            small = realloc(small, 400)
            small = realloc(small, 25_000)
            small = realloc(small, 350)
            free(small)
            free(None)
            free(malloc(0))
            # pymalloc answers up to 512 bytes itself.
            free(calloc(110, 4))
            free(malloc(512))
            free(calloc(1, 513))
            return realloc(malloc(3_200_000), 0), malloc(6_400_000)

        first, second = walk()
        free(first)
        yield domain, second


def scenario_reallocs():
    return record(lambda: len(list(reallocs())))


def scenario_frees():
    def work():
        kept = [bytearray(300_000) for _ in range(20)]
        kept.append({i: str(i) for i in range(1000)})
        kept.clear()
        gc.collect()

    return record(work, 4096)


def small_blocks():
    """Small blocks of each way to get one, kept with what they hold."""
    api = ctypes.pythonapi
    realloc, free = api.PyObject_Realloc, api.PyObject_Free
    realloc.restype = ctypes.c_void_p
    realloc.argtypes, free.argtypes = [ctypes.c_void_p, ctypes.c_size_t], [ctypes.c_void_p]

    def grown(number):
        block = None
        for size in (16, 120, 500):
            block = realloc(block, size)
            ctypes.memset(block + size // 2, number & 255, size - size // 2)
        assert ctypes.string_at(block + 60, 1) == bytes([number & 255])
        return block

    made = [b"%031d" % number for number in range(400_000)]
    bits = [bytearray(200) for _ in range(40_000)]  # zeroed memory
    blocks = [grown(number) for number in range(10_000)]
    return made, bits, blocks, free


def scenario_few_samples():
    """An interval with which small samples lie among large blocks."""
    small_blocks()
    before = sys.getallocatedblocks()
    collector = HeapCollector(mean_bytes=1 << 16)
    collector.start()
    made, bits, blocks, free = small_blocks()
    kept = rows_of(collector.snapshots()[HEAP])
    intact = all(int(text) == number for number, text in enumerate(made)) and not any(map(any, bits))
    intact &= all(ctypes.string_at(b, 500)[250:] == bytes([n & 255]) * 250 for n, b in enumerate(blocks))
    made.clear()
    bits.clear()
    while blocks:
        free(blocks.pop())
    freed = rows_of(collector.snapshots()[HEAP])
    collector.stop()
    return {
        "intact": intact,
        "kept": [sum(values) for values in zip(*kept.values(), strict=True)],
        "freed": [sum(values) for values in zip(*freed.values(), strict=True)],
        "mean": collector.statistics()["mean_bytes"],
        "truth": [400_000 * 64 + 40_000 * (56 + 201) + 10_000 * 500, 10_000 * (16 + 120)],
        "blocks_more": sys.getallocatedblocks() - before,
    }


def scenario_before_and_after():
    old = [bytearray(200_000) for _ in range(50)]
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    old.clear()
    new = [bytearray(150_000) for _ in range(50)]
    collector.stop()
    before = collector.statistics()["inuse_bytes"]
    new.clear()
    return {"inuse": before, "after": collector.statistics()["inuse_bytes"]}


def scenario_threads():
    named, done = threading.Event(), threading.Barrier(17)

    def one():
        for _ in range(40):
            blocks = [bytes(50_000) for _ in range(20)]
            del blocks
        done.wait()
        named.wait()

    threads = [threading.Thread(target=one, name=f"worker-{i}") for i in range(16)]
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    for thread in threads:
        thread.start()
    done.wait()
    collector.snapshots()
    named.set()
    for thread in threads:
        thread.join()
    collector.stop()
    profile = decode(collector.snapshots()[HEAP])
    texts, s, by_thread = profile.strings.texts(), profile.samples, {}
    for row in range(len(s)):
        for i in range(s.label_start[row], s.label_start[row + 1]):
            if texts[s.labels.key[i]] == "thread":
                name = texts[s.labels.text[i]]
                by_thread[name] = by_thread.get(name, 0) + int(s.values[row, 1])
    return {"by_thread": by_thread, "statistics": collector.statistics()}


def scenario_start_stop(times):
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            blocks = [bytes(1000) for _ in range(100)] + [bytearray(100_000)]
            del blocks
            json.loads('{"a": [1, 2, 3], "b": "text"}')

    sys.setswitchinterval(1e-4)
    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    samples = 0
    for _ in range(times):
        collector = HeapCollector(mean_bytes=2000)
        collector.start()
        kept = [bytes(500) for _ in range(50)]
        collector.stop()
        del kept
        samples += collector.statistics()["samples"]
    stop.set()
    for thread in threads:
        thread.join()
    return {"samples": samples}


def scenario_fork():
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    kept = [bytearray(70_000) for _ in range(10)]
    statuses = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            kept.clear()
            fresh = HeapCollector(mean_bytes=1)
            fresh.start()
            mine = bytearray(900_000)
            fresh.stop()
            rows = rows_of(fresh.snapshots()[HEAP])
            ours = any(values[2] == 1 and values[3] > 900_000 for values in rows.values())
            os._exit(0 if ours and len(mine) == 900_000 else 1)
        statuses.append(os.waitpid(pid, 0)[1])
    subprocess.run([sys.executable, "-c", ""], check=True)
    collector.stop()
    return {"statuses": statuses, "rows": rows_of(collector.snapshots()[HEAP])}


def scenario_tracemalloc_on_top():
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    tracemalloc.start()
    kept = bytearray(700_000)
    collector.stop()
    left = collector.statistics()["hooks_left"]
    rows = rows_of(collector.snapshots()[HEAP])
    later = bytearray(710_000)
    tracemalloc.stop()
    again = record(lambda: len(bytearray(720_000)))
    return {
        "left": left,
        "rows": rows,
        "again": again["rows"],
        "again_left": again["statistics"]["hooks_left"],
        "sizes": [len(kept), len(later)],
    }


def scenario_tracemalloc_below():
    tracemalloc.start()
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    first = bytearray(700_000)
    # CPython (3.11, up to 3.12.8 and 3.13.1) crashes when tracemalloc is stopped while another
    # thread gets its thread state, as the service thread does when it first names something (gh-128679).
    pause = threading.Event()
    pause.wait(0.5)
    tracemalloc.stop()  # puts back what it found, and our hooks are gone
    while not collector.statistics()["hooks_mended"]:
        pause.wait(0.01)
    second = bytearray(800_000)
    collector.stop()
    return {
        "rows": rows_of(collector.snapshots()[HEAP]),
        "comments": collector.comments(),
        "sizes": [len(first), len(second)],
    }


def scenario_peak():
    collector = HeapCollector(mean_bytes=1)
    collector.start()

    def at_peak():
        return [bytearray(MIB) for _ in range(30)]

    def afterwards():
        return [bytearray(MIB // 2) for _ in range(20)]

    kept = at_peak()
    kept.clear()
    kept = afterwards()
    collector.stop()
    files = collector.snapshots()
    return {
        "peak": rows_of(files[HEAP_PEAK]),
        "now": rows_of(files[HEAP]),
        "statistics": collector.statistics(),
        "kept": len(kept),
    }


def scenario_dying_code():
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    kept = []
    for i in range(300):
        space = {}
        exec(f"def generated_{i}():\n return bytearray(100_000)", space)
        kept.append(space[f"generated_{i}"]())
        del space
    collector.stop()
    return {"rows": rows_of(collector.snapshots()[HEAP]), "kept": len(kept)}


def scenario_files():
    def kept(count):
        return [bytearray(200_001) for _ in range(count)]

    out = Path(os.environ["HEAP_FILES"])
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    blocks = kept(10)
    (out / "first.pb.gz").write_bytes(collector.snapshots()[HEAP])
    blocks += kept(20)
    collector.stop()
    files = collector.snapshots()
    (out / "second.pb.gz").write_bytes(files[HEAP])
    (out / "peak.pb.gz").write_bytes(files[HEAP_PEAK])
    return len(blocks)


def scenario_subinterpreters():
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    code = "x = [bytearray(500_000) for _ in range(10)]; del x"

    def work():
        for _ in range(5):
            interpreter = interpreters.create()
            interpreters.run_string(interpreter, code)
            interpreters.destroy(interpreter)

    return record(work, 4096)


def scenario_doors():
    # The library twice: once there before recording begins, once loaded later.
    early = ctypes.CDLL(os.environ["DOORS_EARLY"])
    early.doors_before()

    def use_early():
        assert early.doors() == 0

    def use_late():
        library = ctypes.CDLL(os.environ["DOORS_LATE"])
        library.doors_before()
        assert library.doors() == 0
        return library

    collector = HeapCollector(mean_bytes=1)
    collector.start()
    use_early()
    later = use_late()
    collector.stop()
    early.doors_after()
    later.doors_after()
    return rows_of(collector.snapshots()[HEAP])


def scenario_libraries():
    def late_import():
        import numpy as np

        return np.ones(1_000_000)

    def map_memory():
        import mmap

        kept = mmap.mmap(-1, 5 * MIB)
        mmap.mmap(-1, 7 * MIB).close()
        return kept

    def database():
        import sqlite3

        connection = sqlite3.connect(":memory:")
        connection.execute("create table t (x)")
        connection.executemany("insert into t values (?)", ((str(i) * 100,) for i in range(5000)))
        return connection

    collector = HeapCollector(mean_bytes=1)
    collector.start()
    kept = late_import(), map_memory(), database()
    collector.stop()
    rows = rows_of(collector.snapshots()[HEAP])
    by_function = {}
    for name, values in rows.items():
        function = name.rpartition(" ")[0]
        by_function[function] = [
            a + b for a, b in zip(by_function.get(function, [0] * 4), values, strict=True)
        ]
    return {"rows": rows, "by_function": by_function, "kept": len(kept)}


if __name__ == "__main__":
    print(json.dumps(globals()[f"scenario_{sys.argv[1]}"](*map(int, sys.argv[2:]))))
