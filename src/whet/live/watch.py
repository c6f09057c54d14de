"""What is watched as long as the endpoints are there: garbage collections, a microsecond or two each."""

from whet.collect.gc import GcCollector
from whet.collect.probe import load_probe
from whet.errors import CollectError

__all__ = ["begin", "gc_lines", "gc_statistics"]


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
