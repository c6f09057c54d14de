"""What is counted: garbage collections as long as the endpoints are there, heap and waits while they are on.

A collection costs a microsecond or two.
"""

from whet.collect import windows
from whet.collect.gc import GcCollector
from whet.collect.probe import load_probe
from whet.errors import CollectError

__all__ = ["begin", "gc_lines", "gc_pauses", "gc_statistics", "heap_statistics", "wait_statistics"]


def begin() -> None:
    """Watch garbage collections from now on, unless somebody does already or nothing was compiled."""
    try:
        if not load_probe().gc_running():
            GcCollector().start()
    except CollectError:
        return  # `gc` and `metrics` then have none


def gc_lines() -> str:
    """Return a line for each collection, as WHET_GCTRACE prints them.

    Raises:
        CollectError: nothing was compiled, or the interpreter is unknown.
    """
    if not load_probe().gc_running():
        GcCollector().start()
    (data,) = GcCollector().snapshots([]).values()
    return data.decode("utf-8", "replace")


def gc_statistics() -> dict[str, float]:
    """Return the collector's counters, none if nothing is watched."""
    try:
        probe = load_probe()
    except CollectError:
        return {}
    statistics: dict[str, float] = probe.gc_statistics()
    return statistics if probe.gc_running() else {}


def gc_pauses() -> tuple[list[int], list[float]]:
    """Return counts of pauses and the bounds around them in seconds, one more; none if unwatched."""
    if not gc_statistics():
        return [], []
    counts = load_probe().gc_pauses()
    return counts, [0.0, *((1 << (i + 4)) / 1e9 for i in range(len(counts)))]


def heap_statistics() -> dict[str, float]:
    """Return the heap collector's counters, none if it is off."""
    statistics: dict[str, float] = load_probe().heap_statistics() if _is_on("heap") else {}
    return statistics


def wait_statistics() -> dict[str, float]:
    """Return the counters of the collector of waits, none if it is off."""
    statistics: dict[str, float] = load_probe().blocking_statistics() if _is_on("block") else {}
    return statistics


def _is_on(collector: str) -> bool:
    try:
        return windows.is_on(collector)
    except CollectError:
        return False
