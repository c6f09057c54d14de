"""Threads that work on requests, so that no server's own thread waits for a profile.

They come when there is work and go when there is none. No collector sees them, the program does
not wait for them when it ends, and there are never more than a few: profiles of one kind are taken
one at a time, so that there is always a thread left for short answers.
"""

# As they are now: gevent puts others in their place, which know one thread only.
from _thread import allocate_lock, start_new_thread
from collections import deque

from whet.collect.probe import load_probe
from whet.errors import CollectError

__all__ = ["forget", "run_unseen", "submit"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_THREADS = 16
_MOST_WAITING = 1000

_lock = allocate_lock()
_jobs: "deque[Callable[[], None]]" = deque()
_threads = 0


def submit(job: "Callable[[], None]") -> bool:
    """Have a thread call `job`, which must not raise; False if there is too much to do already."""
    global _threads
    with _lock:
        if len(_jobs) >= _MOST_WAITING:
            return False
        _jobs.append(job)
        if _threads >= _MOST_THREADS:
            return True
        _threads += 1
    try:
        start_new_thread(_work, ())
    except RuntimeError:
        with _lock:
            _threads -= 1
        return _threads > 0
    return True


def forget() -> None:
    """Know in a forked child that no thread came along."""
    global _lock, _threads
    _lock = allocate_lock()
    _jobs.clear()
    _threads = 0


def run_unseen(job: "Callable[[], None]") -> None:
    """Call `job` on a thread of ours: no collector sees it."""
    try:
        probe = load_probe()
    except CollectError:
        job()  # nothing was compiled: nobody looks
        return
    probe.own_thread_begin()
    try:
        job()
    finally:
        probe.own_thread_end()


def _work() -> None:
    run_unseen(_work_off)


def _work_off() -> None:
    global _threads
    while True:
        with _lock:
            if not _jobs:
                _threads -= 1
                return
            job = _jobs.popleft()
        job()
        del job  # what it holds must not wait for the next one
