"""Windows of a collector that stays on: what each one saw, none of it lost between two of them.

The collector may be somebody else's, a recording's for example; then its windows are taken, and it
is left alone. Our own is started anew now and then, so that what a long-lived process has
ever done does not have to be carried along; not while others look at it.
"""

from whet.collect import windows
from whet.collect.snapshot import packed
from whet.errors import CollectError

__all__ = ["Rolling"]

# How large a collector's profile may become before it is started anew. Starting takes 1 to 3 ms, a
# window's cut 2 ms for each 100 KiB of what is carried along. The heap tells windows itself.
RENEW_BYTES = 32 << 10


class Rolling:
    """Windows of one collector.

    Args:
        collector: `cpu`, `heap` or `block`.
        rate: of a collector that we start, see `windows.switch_on`.
        heap_step: how coarsely the heap is sampled, where we start it: see `windows.set_heap_step`.
    """

    def __init__(self, collector: str, rate: int | None = None, *, heap_step: int = 0) -> None:
        self.collector = collector
        self.rate = rate
        self._heap_step = heap_step
        self._ours = False
        self._spent_ns = 0.0
        self._before: dict[str, bytes] | None = None

    def begin(self) -> None:
        """Start the collector, or look at the one that runs; windows begin now.

        Raises:
            CollectError: it cannot be started.
            UsageError: the rate is out of range.
        """
        self._ours = not windows.is_on(self.collector)
        self._spent_ns = 0.0 if self._ours else windows.spent_ns(self.collector)
        if self._ours:
            windows.switch_on(self.collector, self.rate)
            windows.take_time()
            self._before = None
            if self.collector == "heap":
                windows.set_heap_step(self._heap_step)
        else:
            self._window()  # what was before is in none

    def cut(self, rate: int | None = None) -> dict[str, bytes]:
        """End a window and begin the next; return its profiles by kind, gzip-compressed.

        A window in which somebody else stopped the collector has none. Where it was restarted, the
        heap's begins there, and others are lost.

        Args:
            rate: of the next window; None is as it was.

        Raises:
            CollectError: the next window's collector cannot be started.
        """
        if not windows.is_on(self.collector):
            self.begin()
            return {}
        found = self._window()
        is_changed = rate is not None and rate != self.rate
        if is_changed:
            self.rate = rate
        if self._ours and (is_changed or self._is_large()) and not windows.is_watched(self.collector):
            windows.switch_off(self.collector)
            self.begin()
        return found

    def set_heap_step(self, heap_step: int) -> None:
        """Have the heap sampled as coarsely from now on, if it is ours."""
        self._heap_step = heap_step
        if self._ours and windows.is_on(self.collector):
            windows.set_heap_step(heap_step)

    def end(self) -> dict[str, bytes]:
        """Return the last window's profiles and stop the collector, if it is ours."""
        if not windows.is_on(self.collector):
            return {}
        found = self._window()
        if self._ours and not windows.is_watched(self.collector):
            windows.switch_off(self.collector)
        return found

    def window_spent_ns(self) -> float:
        """Return the CPU time that the collector has taken since this was asked last, or since it began."""
        now_ns = windows.spent_ns(self.collector)
        spent_ns, self._spent_ns = max(now_ns - self._spent_ns, 0.0), now_ns
        return spent_ns

    def _window(self) -> dict[str, bytes]:
        """Return what came since this was called last, or since the collector was started."""
        if self.collector == "heap":
            merges = self._ours and not windows.is_watched("heap")
            data = windows.end_heap_window(with_types=self._heap_step == 0, merges=merges)
            return {"heap": packed(data)}
        now = windows.snapshots(self.collector)
        before, self._before = self._before, now
        if before is None:
            return {kind: packed(data) for kind, data in now.items()}
        try:
            return {kind: windows.difference(data, before[kind]) for kind, data in now.items()}
        except CollectError:
            return {}  # somebody restarted it

    def _is_large(self) -> bool:
        return sum(map(len, (self._before or {}).values())) > RENEW_BYTES
