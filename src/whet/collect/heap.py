"""The heap collector: which code allocates memory, and which memory is still in use.

A thin face of native/probe/heap/heap.hpp, which says how it works. What it gives is a
profile.proto with Go's value types (alloc_objects, alloc_space, inuse_objects,
inuse_space), one of the moment when most was in use, and a series of memory over time.
"""

import gc
import os

from whet.collect.probe import load_probe
from whet.collect.recording import HEAP, HEAP_PEAK
from whet.collect.settings import DEFAULT_MEAN_BYTES
from whet.collect.snapshot import doubt_lines, packed, spent_ns
from whet.errors import CollectError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["DEFAULT_BUDGET_BYTES", "DEFAULT_MEAN_BYTES", "HeapCollector"]

MAX_MEAN_BYTES = 1 << 40
DEFAULT_BUDGET_BYTES = 32 << 20
MIN_BUDGET_BYTES = 1 << 20

# Counters that are shown only when something happened, with what they mean.
_DOUBTS = {
    "folded_objects": "allocations whose stacks were folded into their callers to keep memory bounded",
    "folded_bytes": "bytes of them",
    "unlabelled_bytes": "bytes of allocations that lost their labels to keep memory bounded",
    "lost_objects": "allocations for which there was no memory",
    "lost_bytes": "bytes of them",
    "rate_raised": "times the mean interval was doubled to keep memory bounded",
    "hooks_mended": "times another tool took the allocator hooks away; what was freed meanwhile is unknown",
    "native_foreign": "calls of libc's allocators that another tool took, unseen",
    "hooks_left": "allocator domains where hooks stay, other tools' being on top of them",
}


class HeapCollector:
    """Samples this process's allocations by their bytes; at most one runs at a time.

    Args:
        mean_bytes: bytes allocated between two samples, on average; 1 takes every allocation.
        budget_bytes: memory that the collector itself may take, about.
        native: whether what extension modules get from libc is seen, too.
    """

    name = "heap"
    # Statistics that are CPU time taken from the program.
    SPENT = ("sampling_ns", "service_ns", "hooks_ns", "types_ns")

    def __init__(
        self,
        *,
        mean_bytes: int = DEFAULT_MEAN_BYTES,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        native: bool = True,
    ) -> None:
        if not 1 <= mean_bytes <= MAX_MEAN_BYTES:
            raise UsageError(f"the heap rate must lie between 1 and {MAX_MEAN_BYTES} bytes, not {mean_bytes}")
        if budget_bytes < MIN_BUDGET_BYTES:
            raise UsageError(f"the heap budget must be at least {MIN_BUDGET_BYTES} bytes, not {budget_bytes}")
        self.mean_bytes = mean_bytes
        self.budget_bytes = budget_bytes
        self.native = native
        self._probe = load_probe()
        self._mine = False

    def start(self) -> None:
        """Begin to sample; what was allocated before is not seen.

        Raises:
            CollectError: this interpreter is not one whet knows, or a recording is running.
        """
        reason = self._probe.heap_start(self.mean_bytes, self.budget_bytes, self.native)
        if reason:
            raise CollectError(reason)
        self._mine = True

    def stop(self) -> None:
        """End sampling and take the hooks away; again has no effect."""
        if self._mine and self._probe.heap_running():
            self._probe.heap_stop(gc.get_objects)

    def statistics(self) -> dict[str, float]:
        """Return counters by name; names that end in _ns are nanoseconds."""
        statistics: dict[str, float] = self._probe.heap_statistics()
        return statistics

    def series(self) -> dict[str, list[float]]:
        """Return memory over time, at most 1,024 moments: seconds, resident_bytes, traced_bytes."""
        moments = self._probe.heap_series()
        names = ("seconds", "resident_bytes", "traced_bytes")
        return {name: [moment[i] for moment in moments] for i, name in enumerate(names)}

    def facts(self) -> dict[str, object]:
        """Return what the recording's metadata say of this collector."""
        return {"mean_bytes": self.mean_bytes, "statistics": self.statistics(), "series": self.series()}

    def comments(self) -> list[str]:
        """Return what a reader of the profile should know about how it was made."""
        s = self.statistics()
        own_ns = spent_ns(self.SPENT, s)
        lines = [
            f"whet: heap_mean_bytes={s['mean_bytes']:.0f}",
            f"whet: heap_samples={s['samples']:.0f}",
            f"whet: heap_overhead_share={own_ns / max(s['duration_ns'], 1.0):.6f}",
            f"whet: heap_own_bytes={s['own_bytes']:.0f}",
        ]
        if s["small_each"] > 1:
            lines.append(f"whet: heap_small_each={s['small_each']:.0f}")
        return lines + doubt_lines(s, _DOUBTS)

    def profiles(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return the profile of now as an uncompressed profile.proto, by its file's name.

        May be called while sampling and after stop(). `comments` are put before the
        collector's own.
        """
        return {HEAP: _written(self._probe.heap_profile, [*comments, *self.comments()], gc.get_objects)}

    def end_window(self, *, with_types: bool, merges: bool) -> bytes:
        """Return a profile of what was allocated since the last such call, and of what is in use.

        Args:
            with_types: whether the types of what is in use are looked for.
            merges: whether threads, labels and sizes of what is not in use any more may be forgotten.
        """
        get_objects = gc.get_objects if with_types else None
        return _written(
            self._probe.heap_profile, self.comments(), get_objects, ends_window=True, merges=merges
        )

    def snapshots(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return the same, and what was in use at the peak, gzip-compressed."""
        peak = _written(self._probe.heap_peak_profile, [*comments, *self.comments()])
        found = {**self.profiles(comments), HEAP_PEAK: peak}
        return {file: packed(data) for file, data in found.items()}


def _written(write: "Callable[..., bytes]", *arguments: object, **options: object) -> bytes:
    try:
        return write(*arguments, **options)
    except RuntimeError as error:  # memory ran out, and what was recorded is lost
        raise CollectError(str(error)) from None


def _forget_hooks_in_child() -> None:
    load_probe().heap_forget_hooks()


def _after_fork() -> None:
    try:
        _forget_hooks_in_child()
    except CollectError:
        return  # nothing was compiled, so nothing was hooked


os.register_at_fork(after_in_child=_after_fork)
