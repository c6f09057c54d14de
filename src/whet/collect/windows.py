"""Profiles of now, and of a stretch of time, of a process that no session records.

One function for all kinds, for whoever answers requests or pushes profiles: `take` switches a
collector on for the time that it is wanted; where it is on already, be it for a session, it
takes two snapshots and their difference. Nothing here knows of HTTP or files.
"""

import gc
import os
import sys
from _thread import allocate_lock

from whet.collect.exits import ForkHooks
from whet.collect.probe import load_probe
from whet.collect.recording import BLOCK, CPU, HEAP, MUTEX
from whet.collect.settings import DEFAULT_MEAN_BYTES, DEFAULT_THRESHOLD_NS
from whet.collect.snapshot import packed
from whet.collect.snapshot import spent_ns as sum_spent_ns
from whet.errors import CollectError

__all__ = [
    "COLLECTORS",
    "collector_of",
    "difference",
    "end_heap_window",
    "heap_interval_bytes",
    "is_on",
    "is_watched",
    "set_heap_step",
    "snapshot",
    "snapshots",
    "spent_ns",
    "switch_off",
    "switch_on",
    "take",
    "take_time",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from whet.collect.blocking import BlockCollector
    from whet.collect.cpu import CpuCollector
    from whet.collect.heap import HeapCollector
    from whet.collect.settings import Collector

# Of a heap that stays on.
HEAP_SAMPLES_PER_S = 50.0
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
# Collector -> how many `take` its difference right now.
_watchers = dict.fromkeys(COLLECTORS, 0)


# Whether a collector runs is asked and changed by one thread at a time; starting and stopping let go of
# the GIL. gevent's locks, put in their place later, know one thread only.
_switching = allocate_lock()


class _Forks:
    """Keeps the collectors' thread away from forks: from 3.12 on, CPython warns of threads in them.

    A session does so itself.
    """

    def __init__(self) -> None:
        self._hooks: ForkHooks | None = None
        self._paused = False

    def watch(self) -> None:
        """Do so while a collector runs."""
        if sys.version_info >= (3, 12) and self._hooks is None:
            self._hooks = ForkHooks(self._before, self._after)
            self._hooks.install()

    def release(self) -> None:
        """Do so no longer, if none runs."""
        if self._hooks and not any(map(is_on, COLLECTORS)):
            self._hooks.restore()
            self._hooks = None

    def forget(self) -> None:
        """Know in a child that nothing is paused there."""
        self._paused = False

    def _before(self) -> None:
        from whet.collect.session import active

        if active() is None and any(map(is_on, COLLECTORS)):
            self._paused = True
            load_probe().pause_threads()

    def _after(self) -> None:
        if self._paused:
            self._paused = False
            load_probe().resume_threads()


_forks = _Forks()


def _forget() -> None:
    """In a forked child: the thread that had the lock did not come along."""
    global _switching
    _switching = allocate_lock()
    _forks.forget()


os.register_at_fork(after_in_child=_forget)


def _start(collector: "Collector") -> None:
    with _switching:
        collector.start()
        _forks.watch()


def collector_of(kind: str) -> str:
    """Return the collector that gives a kind of profile (`cpu`, `heap`, `block`, `mutex`)."""
    return _KINDS[kind][0]


def is_watched(collector: str) -> bool:
    """Whether somebody waits for a difference, which is lost when the collector is restarted."""
    return _watchers[collector] > 0


def spent_ns(collector: str) -> float:
    """Return the CPU time that a collector has taken since it was started, but for that of `snapshots`.

    What types cost is paid by whoever asks for a snapshot, on its own thread.
    """
    names = [name for name in _make(collector, None).SPENT if name != "types_ns"]
    return sum_spent_ns(names, _statistics(collector))


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
    _start(_make(collector, rate))


def switch_off(collector: str) -> None:
    """Stop a collector, whoever started it; what it has stays for `snapshot`."""
    probe = load_probe()
    with _switching:
        if not is_on(collector):
            return
        if collector == "cpu":
            probe.sampler_stop()
        elif collector == "heap":
            probe.heap_stop(gc.get_objects)
        else:
            probe.blocking_stop()
        _forks.release()


def set_heap_step(step: int) -> None:
    """Have the heap collector, whoever started it, stay on at less cost.

    Args:
        step: from 0 on there are at most `HEAP_SAMPLES_PER_S`, but for bursts, by a larger interval, and
            small blocks are looked at in one of 8 slots of time; 1 leaves types to whoever asks
            for snapshots; 2 takes one of 16 slots.
    """
    probe = load_probe()
    probe.heap_keep_pace(HEAP_SAMPLES_PER_S)
    probe.heap_take_turns(3 if step < 2 else 4)


def take_time() -> None:
    """Have what all collectors saw be looked at less often, which costs less, until none runs."""
    load_probe().take_time()


def heap_interval_bytes() -> int:
    """Return the mean bytes between two samples of the heap, now."""
    return _rate("heap")


def snapshot(kind: str) -> bytes:
    """Return all that the collector of a kind has so far, a gzip-compressed profile.proto.

    Args:
        kind: `cpu`, `heap`, `block` or `mutex`.
    """
    return packed(snapshots(collector_of(kind))[kind])


def snapshots(collector: str) -> dict[str, bytes]:
    """Return all that a collector has at this moment, by kind, uncompressed profile.proto.

    Args:
        collector: `cpu`, `heap` or `block`.
    """
    files = _make(collector, _rate(collector)).profiles()
    return {kind: files[file] for kind, (its, file) in _KINDS.items() if its == collector}


def end_heap_window(*, with_types: bool, merges: bool) -> bytes:
    """Return what was allocated since this was called last, and what is in use, uncompressed profile.proto.

    Windows are of one caller, the agent; `snapshots` and `take` know nothing of them.

    Args:
        with_types: whether the types of what is in use are looked for.
        merges: whether snapshots from now on may know the sums of stacks only of what was told and is not in
            use any more. The difference to a snapshot of before then has rows that cancel each other.
    """
    from whet.collect.heap import HeapCollector

    return HeapCollector().end_window(with_types=with_types, merges=merges)


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
        _watchers[collector] += 1
        try:
            before = snapshots(collector)[kind]
            return difference(snapshots(collector)[kind], before) if wait(seconds) else None
        finally:
            _watchers[collector] -= 1
    own = _make(collector, rate)
    _start(own)
    try:
        wanted = wait(seconds)
    finally:
        with _switching:
            own.stop()
            _forks.release()
    return packed(own.profiles()[file]) if wanted else None


def difference(later: bytes, earlier: bytes) -> bytes:
    """Return what came between two snapshots of the same collector, gzip-compressed.

    Args:
        later: the second one of two that `snapshots` gave.
        earlier: the first one.

    Raises:
        CollectError: the collector was restarted in between.
    """
    try:
        return packed(load_probe().profile_difference(later, earlier))
    except ValueError:
        raise CollectError("the collector was restarted while the profile was taken") from None


def _rate(collector: str) -> int:
    _, name, default = COLLECTORS[collector]
    return int(_statistics(collector)[name]) or default


def _statistics(collector: str) -> dict[str, float]:
    probe = load_probe()
    statistics: dict[str, float] = {
        "cpu": probe.sampler_statistics,
        "heap": probe.heap_statistics,
        "block": probe.blocking_statistics,
    }[collector]()
    return statistics


def _make(collector: str, rate: int | None) -> "CpuCollector | HeapCollector | BlockCollector":
    rate = COLLECTORS[collector][2] if rate is None else rate
    if collector == "cpu":
        from whet.collect.cpu import CpuCollector

        return CpuCollector(rate_hz=rate)
    if collector == "heap":
        from whet.collect.heap import HeapCollector

        return HeapCollector(mean_bytes=rate)
    from whet.collect.blocking import BlockCollector

    return BlockCollector(threshold_ns=rate)
