"""A periodic alarm in an event loop, exact to some tens of microseconds.

The timers of event loops are those of epoll_wait(2): whole milliseconds, always late. timerfd_create(2) is
exact, and a loop waits for it as for any other file. Python has it since 3.13; before, libc is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable

__all__ = ["Ticker"]

_ABSOLUTE = 1
_NONBLOCK = os.O_NONBLOCK
_CLOEXEC = os.O_CLOEXEC
_CLOCK_MONOTONIC = 1
_BILLION = 1_000_000_000


class _Time(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Alarm(ctypes.Structure):
    _fields_ = [("interval", _Time), ("value", _Time)]


class Ticker:
    """Calls `tick` every `interval_ns`, from `first_ns` on (of time.perf_counter_ns, CLOCK_MONOTONIC here).

    Ticks that were missed are not made up for. Use `close` at the end.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, tick: Callable[[], None], first_ns: int, interval_ns: int
    ) -> None:
        self._loop = loop
        self._tick = tick
        self._file = _open_timer(max(1, first_ns), max(1, interval_ns))
        loop.add_reader(self._file, self._fire)

    @property
    def file(self) -> int:
        """The descriptor that becomes readable when it fires; -1 when closed."""
        return self._file

    def _fire(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._file, 8)
        self._tick()

    def close(self) -> None:
        """Stop."""
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1


def _open_timer(first_ns: int, interval_ns: int) -> int:
    """Return the descriptor of a running timer.

    Raises:
        OSError: the system has none left.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    file: int = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
    if file < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    alarm = _Alarm(_Time(*divmod(interval_ns, _BILLION)), _Time(*divmod(first_ns, _BILLION)))
    if libc.timerfd_settime(file, _ABSOLUTE, ctypes.byref(alarm), None):
        code = ctypes.get_errno()
        os.close(file)
        raise OSError(code, os.strerror(code))
    return file
