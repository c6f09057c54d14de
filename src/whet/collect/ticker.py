"""A thread that calls a function now and then, and that nobody notices.

It is a bare `_thread`: `threading` is not imported and does not know of it, so
`threading.active_count()` and the waiting for threads at shutdown are as without it. No collector
sees it. It does not decide what happens at a tick.

From CPython 3.12 on, `os.fork` warns when the process has more than one thread; `stop` returns
only when the thread is gone from the kernel's books, so that a stopped ticker is not counted.
"""

import _thread
import os
import time

from whet.collect.probe import load_probe

__all__ = ["Ticker"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# The thread has left its last Python frame when `stop` looks for it; ending takes microseconds.
GONE_WITHIN_S = 0.1
WITHOUT_MEMORY_S = 1.0


class Ticker:
    """Call `tick` again and again until it returns None or `stop` is called.

    `tick` returns the seconds until its next call; the first one is at once. Where memory runs out in it,
    it is called again a second later.
    """

    def __init__(self, tick: "Callable[[], float | None]") -> None:
        self._tick = tick
        self._probe = load_probe()
        self._stopping = _thread.allocate_lock()
        self._ended = _thread.allocate_lock()
        self._thread = 0
        self._running = False

    def start(self) -> None:
        """Start the thread; do nothing if it runs already or this process cannot have one."""
        if self._running:
            return
        self._stopping = _thread.allocate_lock()
        self._ended = _thread.allocate_lock()
        self._stopping.acquire()
        self._ended.acquire()
        try:
            _thread.start_new_thread(self._run, (self._stopping, self._ended))
        except RuntimeError:
            return  # no more threads allowed: the recording is then written at the end only
        self._running = True

    def stop(self, *, within_s: float = -1.0) -> bool:
        """End the thread and wait until it is gone; idempotent, harmless in the thread itself.

        Args:
            within_s: how long to wait for a tick that is going on, -1 is without limit.

        Returns:
            False if the tick is still going on; the thread then ends after it.
        """
        if not self._running:
            return True
        self._running = False
        self._stopping.release()
        if self._thread == _thread.get_native_id():
            return True
        if not self._ended.acquire(True, within_s):
            return False
        path = f"/proc/self/task/{self._thread}"
        give_up = time.monotonic() + GONE_WITHIN_S
        while os.path.exists(path) and time.monotonic() < give_up:
            os.sched_yield()
        return True

    def forget(self) -> None:
        """Know in a forked child that the thread did not come along."""
        self._running = False

    def _next(self) -> float | None:
        try:
            return self._tick()
        except MemoryError:
            return WITHOUT_MEMORY_S

    def _run(self, stopping: "_thread.LockType", ended: "_thread.LockType") -> None:
        self._thread = _thread.get_native_id()
        try:
            self._probe.own_thread_begin()
            try:
                wait_s = self._next()
                while wait_s is not None and not stopping.acquire(True, wait_s):
                    wait_s = self._next()
            finally:
                self._probe.own_thread_end()
        finally:
            ended.release()
