"""Waiting for the end of a profile, or for a reason to give it up: the client, or the server's end."""

import signal
import sys
import time

# As they are now: gevent puts others in their place, which know one thread only.
from _thread import allocate_lock

__all__ = ["Wait", "is_leaving"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable

_LOOK_S = 0.25


class Wait:
    """Waits on one thread, is cancelled from others.

    Args:
        is_gone: whether nobody wants the answer any more; asked four times a second.
        make_lock: makes what is waited at.
    """

    def __init__(
        self,
        is_gone: "Callable[[], bool] | None" = None,
        make_lock: "Callable[[], LockType]" = allocate_lock,
    ) -> None:
        self._is_gone = is_gone
        self._cancelled = make_lock()
        self._cancelled.acquire()
        self._lock = make_lock()
        self._is_cancelled = False

    def cancel(self) -> None:
        """End the waiting; again has no effect."""
        with self._lock:
            if not self._is_cancelled:
                self._is_cancelled = True
                self._cancelled.release()

    def __call__(self, seconds: float) -> bool:
        """Wait; True after the seconds, False as soon as nobody wants the answer."""
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            if self._is_cancelled or self._cancelled.acquire(timeout=min(left_s, _LOOK_S)):
                return False
            if is_leaving() or (self._is_gone is not None and self._is_gone()):
                return False
        return not self._is_cancelled


def is_leaving() -> bool:
    """Whether the program, or the server that it runs, is on its way out.

    Servers wait for requests to end before they tell anybody that they are leaving. What can be
    seen is that of uvicorn and gunicorn: a signal handler that is a method of the server or worker.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        owner = getattr(signal.getsignal(number), "__self__", None)
        if getattr(owner, "should_exit", None) is True or getattr(owner, "alive", None) is False:
            return True
    threading = sys.modules.get("threading")
    return threading is not None and not threading.main_thread().is_alive()
