"""The collector of asyncio tasks: whose steps run, what tasks wait for, who blocks the loop.

A thin face of native/probe/tasks/tasks.hpp, which says how it works. While it runs, the samples of
every other collector carry the labels `task` and `coroutine` of the task whose step they were
taken in. What it gives itself are two profile.proto with the same labels: waits
(`waits/count`, `delay/nanoseconds`) and slow steps (`steps/count`, `blocked/nanoseconds`).
"""

from whet.collect.probe import load_probe
from whet.collect.recording import SLOW, TASKS
from whet.collect.snapshot import doubt_lines, packed
from whet.collect.threads import live_tasks
from whet.errors import CollectError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEFAULT_SLOW_NS", "DEFAULT_WAIT_NS", "TaskCollector"]

DEFAULT_WAIT_NS = 1_000_000
DEFAULT_SLOW_NS = 100_000_000
MAX_THRESHOLD_NS = 3_600_000_000_000

_DOUBTS = {
    "folded": "chains shortened to keep memory bounded",
    "lost": "steps for which there was no memory",
    "names_refused": "tasks beyond the limit, told by their coroutine",
}


class TaskCollector:
    """Watches the steps of asyncio tasks in this process; at most one runs at a time.

    Args:
        wait_threshold_ns: waits of this length and longer are all recorded, shorter ones with a
            probability of their length over it, 1 ns to an hour.
        slow_threshold_ns: steps of this length and longer are recorded one by one, 1 us to an hour.
    """

    name = "tasks"

    def __init__(
        self, *, wait_threshold_ns: int = DEFAULT_WAIT_NS, slow_threshold_ns: int = DEFAULT_SLOW_NS
    ) -> None:
        if not 1 <= wait_threshold_ns <= MAX_THRESHOLD_NS:
            raise UsageError(f"the threshold of waits must lie between 1 ns and 1 h, not {wait_threshold_ns}")
        if not 1_000 <= slow_threshold_ns <= MAX_THRESHOLD_NS:
            raise UsageError(
                f"the threshold of slow steps must lie between 1 us and 1 h, not {slow_threshold_ns}"
            )
        self.wait_threshold_ns = wait_threshold_ns
        self.slow_threshold_ns = slow_threshold_ns
        self._probe = load_probe()
        self._mine = False

    def start(self) -> None:
        """Begin to watch.

        Raises:
            CollectError: this interpreter is not one whet knows, or tasks are being watched.
        """
        reason = self._probe.tasks_start(self.wait_threshold_ns, self.slow_threshold_ns)
        if reason:
            raise CollectError(reason)
        self._mine = True

    def stop(self) -> None:
        """End watching and put the coroutine type back as it was; again has no effect."""
        if self._mine and self._probe.tasks_running():
            self._probe.tasks_stop(_waiting())

    def statistics(self) -> dict[str, float]:
        """Return counters by name; names that end in _ns are nanoseconds."""
        statistics: dict[str, float] = self._probe.tasks_statistics()
        return statistics

    def facts(self) -> "dict[str, object]":
        """Return what meta.json says of this collector."""
        return {
            "wait_threshold_ns": self.wait_threshold_ns,
            "slow_threshold_ns": self.slow_threshold_ns,
            "statistics": self.statistics(),
        }

    def comments(self) -> list[str]:
        """Return the totals, and what watching cost."""
        s = self.statistics()
        duration_ns = max(s["duration_ns"], 1.0)
        lines = [
            f"whet: task_steps={s['steps']:.0f}",
            f"whet: task_busy_share={s['busy_ns'] / duration_ns:.6f}",
            f"whet: task_slow_steps={s['slow_steps']:.0f}",
            f"whet: task_wait_threshold_ns={self.wait_threshold_ns}",
            f"whet: task_slow_threshold_ns={self.slow_threshold_ns}",
            f"whet: task_overhead_share={s['hook_ns'] / duration_ns:.6f}",
        ]
        return lines + doubt_lines(s, _DOUBTS, prefix="task_")

    def snapshots(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return the waits, those that go on included, and the slow steps so far."""
        waits, slow = self._probe.tasks_profiles([*comments, *self.comments()], _waiting())
        return {TASKS: packed(waits), SLOW: packed(slow)}


def _waiting() -> "list[object]":
    return [task.get_coro() for task in live_tasks()]
