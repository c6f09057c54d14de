"""Run a workload and leave its own view of what it took.

Times and memory are read inside the measured process, around the work alone, so that a profiler's
start and its report at the end are not mixed into what it costs while the program runs.
The reading goes to the file named by WHET_BENCH_RESULT, as JSON. With WHET_BENCH_TURNS the work is done
again and again instead, whenever stdin says so.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable


def peak_memory_bytes() -> int:
    """Return the largest resident size this process has had (not that of what it was before exec)."""
    with open("/proc/self/status", encoding="ascii") as status:
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    return int(found[1]) * 1024 if found else 0


def take_turns(work: Callable[[float], object], scale: float) -> None:
    """Call `work(scale)` for each line that is read; answer with the seconds it took and the peak memory."""
    for _ in sys.stdin:
        begin = time.perf_counter()
        work(scale)
        seconds = time.perf_counter() - begin
        print(seconds, peak_memory_bytes(), flush=True)


def measured(work: Callable[[float], object]) -> None:
    """Call `work(scale)`, with the scale from the command line, and record what it took."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    if "WHET_BENCH_TURNS" in os.environ:
        take_turns(work, scale)
        return
    wall, cpu = time.perf_counter(), time.process_time()
    work(scale)
    result = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_bytes": peak_memory_bytes(),
    }
    if path := os.environ.get("WHET_BENCH_RESULT"):
        with open(path, "w", encoding="ascii") as file:
            json.dump(result, file)
