"""The page `/debug/metrics`: numbers of this process in Prometheus's text format.

If the program uses prometheus-client, its default registry comes first; of a family that both
have, that one is shown. Costs nothing between two requests. Format:
prometheus.io/docs/instrumenting/exposition_formats.
"""

import gc
import platform
import resource
import sys
import time

from whet.collect.threads import live_tasks
from whet.live import process, watch
from whet.live.loop_lag import loop_lags
from whet.live.request_times import BOUNDS_S, times

__all__ = ["EXPOSITION", "metrics"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    # What follows the family's name, labels, value.
    Row = tuple[str, dict[str, object], float]
    # Name, type, help, rows.
    Family = tuple[str, str, str, list[Row]]

# Collections are not shorter, and hardly longer: bounds outside of these would be one row each for nothing.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1e-6, 20.0
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def metrics() -> str:
    """Return all families as text."""
    theirs = _of_prometheus_client()
    taken = {line.split(" ", 3)[2] for line in theirs.splitlines() if line.startswith("# TYPE ")}
    parts = [theirs]
    for name, kind, description, rows in _families():
        if name in taken or not rows:
            continue
        parts.append(f"# HELP {name} {description}\n# TYPE {name} {kind}\n")
        parts += [f"{name}{suffix}{_labels(labels)} {_value(value)}\n" for suffix, labels, value in rows]
    return "".join(parts)


def _of_prometheus_client() -> str:
    # A program that has not imported it has nothing in its registry.
    client = sys.modules.get("prometheus_client")
    if client is None:
        return ""
    from contextlib import suppress

    with suppress(Exception):  # a collector of the program's; its own page would fail with it
        return str(client.generate_latest(client.REGISTRY).decode("utf-8"))
    return ""


def _families() -> "Iterator[Family]":
    yield from _process()
    yield from _interpreter()
    yield from _collections()
    yield from _heap()
    yield from _waits()
    yield _requests()


def _one(name: str, kind: str, description: str, value: float) -> "Family":
    return name, kind, description, [("", {}, value)]


def _process() -> "Iterator[Family]":
    resident, virtual = process.memory_bytes()
    opened, most = process.open_files()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield _one("process_cpu_seconds_total", "counter", "User and system CPU time.", time.process_time())
    yield _one("process_resident_memory_bytes", "gauge", "Resident memory.", resident)
    yield _one("process_virtual_memory_bytes", "gauge", "Virtual memory.", virtual)
    yield _one("process_start_time_seconds", "gauge", "When the process began.", process.start_time_s())
    yield _one("process_open_fds", "gauge", "Open file descriptors.", opened)
    yield _one("process_max_fds", "gauge", "The most file descriptors that may be open.", most)
    yield _one("process_threads", "gauge", "Threads, Python's or not.", process.threads())
    faults: list[Row] = [("", {"kind": "major"}, usage.ru_majflt), ("", {"kind": "minor"}, usage.ru_minflt)]
    yield "process_page_faults_total", "counter", "Page faults.", faults
    switches: list[Row] = [("", {"kind": "voluntary"}, usage.ru_nvcsw)]
    switches.append(("", {"kind": "involuntary"}, usage.ru_nivcsw))
    yield "process_context_switches_total", "counter", "Context switches.", switches


def _interpreter() -> "Iterator[Family]":
    labels: dict[str, object] = {
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
    }
    yield "python_info", "gauge", "The interpreter.", [("", labels, 1)]
    yield _one("python_threads", "gauge", "Threads that run Python.", len(sys._current_frames()))
    yield _one("python_tasks", "gauge", "Asyncio tasks that are not done.", len(live_tasks()))
    lags: list[Row] = [("", {"loop": name}, seconds) for name, seconds in loop_lags()]
    yield (
        "python_event_loop_lag_seconds",
        "gauge",
        "How long an event loop took to answer just now; 1 is one second or more.",
        lags,
    )


def _collections() -> "Iterator[Family]":
    stats = list(enumerate(gc.get_stats()))
    for name, key, description in (
        ("collections", "collections", "Garbage collections."),
        ("objects_collected", "collected", "Objects collected."),
        ("objects_uncollectable", "uncollectable", "Unreachable objects that could not be freed."),
    ):
        rows: list[Row] = [("", {"generation": number}, stat[key]) for number, stat in stats]
        yield f"python_gc_{name}_total", "counter", description, rows
    pauses = watch.gc_statistics()
    if not pauses:
        return
    rows = [
        ("", {"quantile": quantile}, pauses[key] / 1e9)
        for quantile, key in (("0.5", "pause_median_ns"), ("0.9", "pause_p90_ns"), ("0.99", "pause_p99_ns"))
    ]
    rows += [("", {"quantile": "1"}, pauses["longest_ns"] / 1e9)]
    rows += [("_sum", {}, pauses["pause_ns"] / 1e9), ("_count", {}, pauses["collections"])]
    yield "python_gc_duration_seconds", "summary", "Pauses of garbage collections, to 6 %.", rows
    yield _pauses(pauses["pause_ns"] / 1e9)


def _pauses(sum_s: float) -> "Family":
    counts, bounds = watch.gc_pauses()
    rows: list[Row] = []
    total = 0
    for bound_s, count in zip(bounds[1:], counts, strict=True):
        total += count
        if _SHORTEST_PAUSE_S <= bound_s <= _LONGEST_PAUSE_S:
            rows.append(("_bucket", {"le": bound_s}, total))
    rows += [("_bucket", {"le": "+Inf"}, total), ("_sum", {}, sum_s), ("_count", {}, total)]
    return "python_gc_pauses_seconds", "histogram", "Pauses of garbage collections.", rows


def _heap() -> "Iterator[Family]":
    heap = watch.heap_statistics()
    if not heap:
        return
    since = "since the heap collector was switched on."
    yield _one("python_heap_alloc_bytes_total", "counter", f"Bytes allocated {since}", heap["alloc_bytes"])
    yield _one("python_heap_allocs_total", "counter", f"Allocations {since}", heap["alloc_objects"])
    yield _one("python_heap_inuse_bytes", "gauge", f"Bytes in use, allocated {since}", heap["inuse_bytes"])
    yield _one("python_heap_inuse_objects", "gauge", f"Blocks in use, made {since}", heap["inuse_objects"])


def _waits() -> "Iterator[Family]":
    waits = watch.wait_statistics()
    if not waits:
        return
    reasons = sorted(key.partition(":")[2] for key in waits if key.startswith("wait_ns:"))
    seconds: list[Row] = [("", {"reason": reason}, waits[f"wait_ns:{reason}"] / 1e9) for reason in reasons]
    counts: list[Row] = [("", {"reason": reason}, waits[f"waits:{reason}"]) for reason in reasons]
    yield "python_wait_seconds_total", "counter", "Time threads waited; gil is the GIL.", seconds
    yield "python_waits_total", "counter", "Waits of threads.", counts


def _requests() -> "Family":
    rows: list[Row] = []
    for method, status, counts, sum_s in times.rows():
        labels: dict[str, object] = {"method": method, "status": status}
        total = 0
        for bound, count in zip((*BOUNDS_S, "+Inf"), counts, strict=True):
            total += count
            rows.append(("_bucket", {**labels, "le": bound}, total))
        rows += [("_sum", labels, sum_s), ("_count", labels, total)]
    return "http_server_request_duration_seconds", "histogram", "How long requests took.", rows


def _labels(labels: "dict[str, object]") -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(str(value))}"' for key, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _value(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
