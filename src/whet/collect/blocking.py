"""The off-CPU collector: what this process's threads wait for, and who keeps them waiting.

A thin face of native/probe/waits/blocking.hpp, which says how it works. It knows no reports; what it
gives are two profile.proto with the value types `contentions/count` and `delay/nanoseconds` and
the labels `thread` and `reason`: one of waits (Go's block profile), one of the holders of what was
waited for (Go's mutex profile).
"""

from whet.collect.probe import load_probe
from whet.collect.recording import BLOCK, MUTEX
from whet.collect.settings import DEFAULT_THRESHOLD_NS
from whet.collect.snapshot import doubt_lines, packed, spent_ns
from whet.errors import CollectError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEFAULT_THRESHOLD_NS", "MAX_THRESHOLD_NS", "MIN_THRESHOLD_NS", "BlockCollector"]

# Below it most of what is seen is the calls' own cost.
MIN_THRESHOLD_NS = 1_000
MAX_THRESHOLD_NS = 3_600_000_000_000

# Counters that are shown only when something happened, with what they mean.
_DOUBTS = {
    "dropped": "waits lost because the buffer, or memory, was full",
    "truncated": "stacks that were too deep, root end cut off",
    "rejected": "stacks that could not be read",
    "folded": "stacks shortened to keep memory bounded",
    "other_interpreter": "waits in another interpreter of the process",
    "threads_without_slot": "threads beyond the limit, not recorded",
    "foreign_slots": "calls that another tool has redirected, not recorded",
}


class BlockCollector:
    """Records each wait of this process's threads that is long enough; at most one runs at a time.

    Args:
        threshold_ns: shorter waits are left out, 1,000 (a microsecond) to an hour.
    """

    name = "block"
    # Statistics that are CPU time taken from the program.
    SPENT = ("recording_ns", "calls_ns", "service_ns")

    def __init__(self, *, threshold_ns: int = DEFAULT_THRESHOLD_NS) -> None:
        if not MIN_THRESHOLD_NS <= threshold_ns <= MAX_THRESHOLD_NS:
            raise UsageError(f"the threshold must lie between 1 us and 1 h, not {threshold_ns / 1e3:g} us")
        self.threshold_ns = threshold_ns
        self._probe = load_probe()
        self._mine = False

    def start(self) -> None:
        """Begin to record.

        Raises:
            CollectError: this interpreter is not one whet knows, or waits are being recorded.
        """
        reason = self._probe.blocking_start(self.threshold_ns)
        if reason:
            raise CollectError(reason)
        self._mine = True

    def stop(self) -> None:
        """End recording and put everything back as it was; again has no effect."""
        if self._mine and self._probe.blocking_running():
            self._probe.blocking_stop()

    def statistics(self) -> dict[str, float]:
        """Return counters by name; names that end in _ns, or begin with wait_ns:, are nanoseconds."""
        statistics: dict[str, float] = self._probe.blocking_statistics()
        return statistics

    def threads(self) -> list[dict[str, object]]:
        """Return what threads did with their time, a dict for each name of threads.

        `cpu_ns`, the waits (`waits_ns`, by reason), `runnable_ns` and `short_ns` add up to
        `life_ns`. `runnable_ns` is time in which the kernel had no processor for the thread,
        except at the end of a wait, which counts as wait; `short_ns` is the rest: waits below the
        threshold, page faults, and waits that are not seen.
        """
        return [_thread_row(*row) for row in self._probe.blocking_threads()]

    def facts(self) -> dict[str, object]:
        """Return what the recording's metadata say of this collector."""
        return {
            "threshold_ns": self.threshold_ns,
            "statistics": self.statistics(),
            "threads": self.threads(),
        }

    def comments(self) -> list[str]:
        """Return what a reader of the profiles should know about how they were made."""
        s = self.statistics()
        own_ns = spent_ns(self.SPENT, s)
        lines = [
            f"whet: threshold_ns={self.threshold_ns}",
            f"whet: own_ns={own_ns:.0f}",
        ]
        return lines + doubt_lines(s, _DOUBTS)

    def profiles(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return the waits and their holders so far as uncompressed profiles, by their files' names.

        May be called while recording, when waits that go on are part of it as far as they have
        come, and after stop(). `comments` are put before the collector's own.
        """
        waits, holders = self._probe.blocking_profiles([*comments, *self.comments()])
        return {BLOCK: waits, MUTEX: holders}

    def snapshots(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return the same, gzip-compressed."""
        return {file: packed(data) for file, data in self.profiles(comments).items()}


def _thread_row(
    name: str, threads: int, life_ns: int, cpu_ns: int, delay_ns: int, waits_ns: dict[str, int]
) -> dict[str, object]:
    rest_ns = life_ns - cpu_ns - sum(waits_ns.values())
    runnable_ns = max(0, min(rest_ns, delay_ns))
    return {
        "thread": name,
        "threads": threads,
        "life_ns": life_ns,
        "cpu_ns": cpu_ns,
        "waits_ns": waits_ns,
        "runnable_ns": runnable_ns,
        "delay_ns": delay_ns,
        "short_ns": rest_ns - runnable_ns,
    }
