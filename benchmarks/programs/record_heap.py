"""Runs a workload under a memory profiler in the same process; the workload measures itself.

record_heap.py TOOL WORKLOAD.py SCALE
"""

from __future__ import annotations

import contextlib
import runpy
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def whet(mean_bytes: int, *, native: bool = True) -> Iterator[None]:
    """Record with whet."""
    from whet.collect.heap import HeapCollector

    collector = HeapCollector(mean_bytes=mean_bytes, native=native)
    collector.start()
    yield
    collector.stop()
    collector.snapshots()


@contextlib.contextmanager
def memray(*, python_allocators: bool) -> Iterator[None]:
    """Record with memray."""
    from memray import Tracker  # type: ignore[import-not-found]  # only where peers are compared

    with (
        tempfile.TemporaryDirectory() as folder,
        Tracker(Path(folder) / "memray.bin", trace_python_allocators=python_allocators),
    ):
        yield


@contextlib.contextmanager
def trace(frames: int) -> Iterator[None]:
    """Record with tracemalloc."""
    tracemalloc.start(frames)
    yield
    tracemalloc.take_snapshot()
    tracemalloc.stop()


TOOLS: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "bare": contextlib.nullcontext,
    "bare again": contextlib.nullcontext,
    "whet, 512 KiB": lambda: whet(512 << 10),
    "whet, 512 KiB, Python only": lambda: whet(512 << 10, native=False),
    "whet, 64 KiB": lambda: whet(64 << 10),
    "memray": lambda: memray(python_allocators=False),
    "memray, Python allocators": lambda: memray(python_allocators=True),
    "tracemalloc, 1 frame": lambda: trace(1),
}

if __name__ == "__main__":
    tool, workload, scale = sys.argv[1:]
    sys.argv = [workload, scale]
    sys.path.insert(0, str(Path(workload).parent))
    with TOOLS[tool]():
        runpy.run_path(workload, run_name="__main__")
