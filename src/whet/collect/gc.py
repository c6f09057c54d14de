"""The collector of garbage collections: when, how long, how much was found.

A thin face of native/probe/gc/gc_hook.hpp, which says how it works. What it gives is text, a line
a collection in the spirit of Go's gctrace; docs/gc.md describes the lines. Nothing grows
with the length of the run: in a long one, neighbouring collections share a line.
"""

import os
import sys

from whet.collect.probe import load_probe
from whet.collect.recording import GC
from whet.errors import CollectError

__all__ = ["GcCollector", "print_as_asked", "print_collections"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class GcCollector:
    """Records the garbage collections of this process; at most one runs at a time."""

    name = "gc"

    def __init__(self) -> None:
        self._probe = load_probe()
        self._mine = False
        self._names: dict[int, str] = {}

    def start(self) -> None:
        """Begin to record.

        Raises:
            CollectError: this interpreter is not one whet knows, or a recording is running.
        """
        reason = self._probe.gc_start()
        if reason:
            raise CollectError(reason)
        self._mine = True
        _forget_in_children(self._probe.gc_forget)

    def stop(self) -> None:
        """End recording and take the hook out of gc.callbacks; again has no effect."""
        if self._mine:
            self._probe.gc_stop()

    def statistics(self) -> dict[str, float]:
        """Return counters by name; names that end in _ns are nanoseconds."""
        statistics: dict[str, float] = self._probe.gc_statistics()
        return statistics

    def facts(self) -> "dict[str, object]":
        """Return what meta.json says of this collector."""
        return {"statistics": self.statistics()}

    def comments(self) -> list[str]:
        """Return the totals, and what recording them cost."""
        s = self.statistics()
        duration_ns = max(s["duration_ns"], 1.0)
        lines = [
            f"whet: gc_collections={s['collections']:.0f}",
            f"whet: gc_pause_ns={s['pause_ns']:.0f}",
            f"whet: gc_share={s['pause_ns'] / duration_ns:.6f}",
            f"whet: gc_longest_ns={s['longest_ns']:.0f}",
            f"whet: gc_overhead_share={s['hook_ns'] / duration_ns:.6f}",
        ]
        if s["merged"]:
            lines.append(f"whet: gc_merged={s['merged']:.0f} (lines that share another's)")
        return lines

    def snapshots(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return all collections so far: `gc.txt`, comments first."""
        head = "".join(f"# {line}\n" for line in [*comments, *self.comments()])
        # Threads that have ended keep the name they had at an earlier snapshot.
        self._names.update(_thread_names())
        lines: str = self._probe.gc_lines(self._names)
        return {GC: (head + lines).encode("utf-8", "backslashreplace")}


def print_collections() -> None:
    """Write a line to stderr for every collection of this process from now on.

    Raises:
        CollectError: whet has no compiled collectors, or does not know this interpreter.
    """
    reason = load_probe().gc_print_lines()
    if reason:
        raise CollectError(reason)


def print_as_asked() -> None:
    """Do as WHET_GCTRACE wants; what keeps us from it is a line on stderr."""
    try:
        print_collections()
    except CollectError as error:
        os.write(2, f"whet: WHET_GCTRACE: {error}\n".encode())


_registered = False


def _forget_in_children(forget: object) -> None:
    global _registered
    if not _registered:
        os.register_at_fork(after_in_child=forget)  # type: ignore[arg-type]
        _registered = True


def _thread_names() -> dict[int, str]:
    """Return the names of the threads that `threading` knows, by the kernel's id."""
    names = {os.getpid(): "MainThread"}
    threading = sys.modules.get("threading")
    if threading is not None:
        for thread in threading.enumerate():
            if thread.native_id is not None:
                names[thread.native_id] = " ".join(thread.name.replace(",", " ").split())
    return names
