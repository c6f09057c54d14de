"""The page `/debug/vars`, as Go's expvar has it: a JSON object with `cmdline` and `memstats`.

Of Go's memstats there are those that mean the same here; a number that is not known is not there.
Pauses of garbage collections are a histogram as runtime/metrics has it, by its name there.
"""

from whet.live import process, watch

__all__ = ["variables"]


def variables(command_line: list[str]) -> str:
    """Return the object as text."""
    import json

    content: dict[str, object] = {"cmdline": command_line, "memstats": _memstats()}
    counts, bounds_s = watch.gc_pauses()
    if counts:
        content["/gc/pauses:seconds"] = {"Counts": counts, "Buckets": bounds_s}
    return json.dumps(content, indent=1) + "\n"


def _memstats() -> dict[str, int]:
    stats = {"Sys": process.memory_bytes()[0], **_heap()}
    collections = watch.gc_statistics()
    if collections:
        stats["NumGC"] = int(collections["collections"])
        stats["PauseTotalNs"] = int(collections["pause_ns"])
    return stats


def _heap() -> dict[str, int]:
    heap = watch.heap_statistics()
    if not heap:
        return {}
    in_use, live = int(heap["inuse_bytes"]), int(heap["inuse_objects"])
    made = int(heap["alloc_objects"])
    return {
        "Alloc": in_use,
        "TotalAlloc": int(heap["alloc_bytes"]),
        "Mallocs": made,
        "Frees": made - live,
        "HeapAlloc": in_use,
        "HeapObjects": live,
    }
