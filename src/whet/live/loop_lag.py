"""How long an event loop takes to come to what it is asked to do: measured when somebody asks.

Loops are those of tasks that are not done. A loop that the calling thread runs is not measured.
"""

import _thread
import time

from whet.collect.threads import live_tasks

__all__ = ["LONGEST_S", "loop_lags"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

LONGEST_S = 1.0


def loop_lags() -> list[tuple[str, float]]:
    """Return (name, seconds) of each loop that runs; a second for those that take longer."""
    own = _thread.get_ident()
    loops = {id(loop): loop for task in live_tasks() if (loop := task.get_loop()).is_running()}
    probes = []
    for loop in loops.values():
        if getattr(loop, "_thread_id", None) != own:
            probe = _Probe(loop)
            probes.append(probe)
    deadline = time.monotonic() + LONGEST_S
    return [(f"{number}", probe.seconds(deadline)) for number, probe in enumerate(probes)]


class _Probe:
    def __init__(self, loop: "AbstractEventLoop") -> None:
        self._done = _thread.allocate_lock()
        self._done.acquire()
        self._begin = time.monotonic()
        self._end = 0.0
        callback: Callable[[], None] = self._answer
        try:
            loop.call_soon_threadsafe(callback)
        except RuntimeError:  # closed meanwhile
            self._answer()

    def _answer(self) -> None:
        self._end = time.monotonic()
        self._done.release()

    def seconds(self, deadline: float) -> float:
        if not self._done.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            return LONGEST_S
        return min(self._end - self._begin, LONGEST_S)
