"""Profiles of now, and of a stretch of time, of a process that no session records.

One function for all kinds, for whoever answers requests or pushes profiles: `take` switches a
collector on for the time that it is wanted; where it is on already, be it for a session, it
takes two snapshots and their difference. Nothing here knows of HTTP or files.
"""

import zlib

from whet.collect.probe import load_probe
from whet.collect.recording import BLOCK, CPU, HEAP, MUTEX
from whet.collect.settings import DEFAULT_MEAN_BYTES, DEFAULT_THRESHOLD_NS
from whet.collect.snapshot import packed
from whet.errors import CollectError

__all__ = ["COLLECTORS", "difference", "is_on", "snapshot", "switch_off", "switch_on", "take"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from whet.collect.settings import Collector

# Kind of profile -> (its collector, the name of its file in a recording).
_KINDS = {
    "cpu": ("cpu", CPU),
    "heap": ("heap", HEAP),
    "block": ("block", BLOCK),
    "mutex": ("block", MUTEX),
}
# Collector -> (the probe's function that says whether it runs, its rate's name and default).
COLLECTORS = {
    "cpu": ("sampler_running", "rate_hz", 100),
    "heap": ("heap_running", "mean_bytes", DEFAULT_MEAN_BYTES),
    "block": ("blocking_running", "threshold_ns", DEFAULT_THRESHOLD_NS),
}


def is_on(collector: str) -> bool:
    """Whether a collector (`cpu`, `heap`, `block`) runs in this process, for whomever."""
    return bool(getattr(load_probe(), COLLECTORS[collector][0])())


def switch_on(collector: str, rate: int | None = None) -> None:
    """Start a collector that goes on until `switch_off`.

    Args:
        collector: `cpu`, `heap` or `block`.
        rate: samples per second of CPU time, mean bytes between two samples of the heap, or the
            shortest wait in ns; None is the default.

    Raises:
        CollectError: it is on already, or this interpreter cannot be measured.
        UsageError: the rate is out of range.
    """
    _make(collector, rate).start()


def switch_off(collector: str) -> None:
    """Stop a collector, whoever started it; what it has stays for `snapshot`."""
    probe = load_probe()
    if is_on(collector):
        {"cpu": probe.sampler_stop, "heap": probe.heap_stop, "block": probe.blocking_stop}[collector]()


def snapshot(kind: str) -> bytes:
    """Return all that the collector of a kind has so far, a gzip-compressed profile.proto.

    Args:
        kind: `cpu`, `heap`, `block` or `mutex`.
    """
    collector, file = _KINDS[kind]
    return _make(collector, _rate(collector)).snapshots([])[file]


def take(
    kind: str, seconds: float, wait: "Callable[[float], bool]", *, rate: int | None = None
) -> bytes | None:
    """Return the profile of the next `seconds`, gzip-compressed, or None if it was given up.

    Args:
        kind: `cpu`, `heap`, `block` or `mutex`.
        seconds: how long.
        wait: called with the seconds; returns True after them, False as soon as nobody wants
            the profile any more.
        rate: as in `switch_on`; only where the collector is not on already.

    Raises:
        CollectError: the collector cannot be started, or was restarted by somebody else meanwhile.
        UsageError: the rate is out of range.
    """
    collector, file = _KINDS[kind]
    if is_on(collector):
        if rate is not None and rate != _rate(collector):
            raise CollectError(f"the {collector} collector is on already, at the rate {_rate(collector)}")
        before = snapshot(kind)
        return difference(snapshot(kind), before) if wait(seconds) else None
    own = _make(collector, rate)
    own.start()
    try:
        wanted = wait(seconds)
    finally:
        own.stop()
    return own.snapshots([])[file] if wanted else None


def difference(later: bytes, earlier: bytes) -> bytes:
    """Return what came between two snapshots of the same collector, all gzip-compressed.

    Raises:
        CollectError: the collector was restarted in between.
    """
    texts = [zlib.decompress(data, 31) for data in (later, earlier)]
    try:
        return packed(load_probe().profile_difference(*texts))
    except ValueError:
        raise CollectError("the collector was restarted while the profile was taken") from None


def _rate(collector: str) -> int:
    probe = load_probe()
    statistics = {
        "cpu": probe.sampler_statistics,
        "heap": probe.heap_statistics,
        "block": probe.blocking_statistics,
    }
    _, name, default = COLLECTORS[collector]
    return int(statistics[collector]()[name]) or default


def _make(collector: str, rate: int | None) -> "Collector":
    rate = COLLECTORS[collector][2] if rate is None else rate
    if collector == "cpu":
        from whet.collect.cpu import CpuCollector

        return CpuCollector(rate_hz=rate)
    if collector == "heap":
        from whet.collect.heap import HeapCollector

        return HeapCollector(mean_bytes=rate)
    from whet.collect.blocking import BlockCollector

    return BlockCollector(threshold_ns=rate)
