"""The event loop that a load runs in, and the process around it.

uvloop is taken where it is installed. Meanwhile the garbage collector looks seldom, and leaves alone what
was there before; files may be as many as the system allows. Ctrl-C and SIGTERM ask the load to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import resource
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from whet.errors import SourceError, UsageError

__all__ = ["on_interrupt", "run_in_loop"]

T = TypeVar("T")
_GC_THRESHOLD = 50_000
_LEAST_FILES = 16


def run_in_loop(work: Coroutine[Any, Any, T], loop: str = "auto") -> tuple[T, str]:
    """Run a coroutine to its end; return its result and the name of the loop.

    Raises:
        SourceError: the process may not open enough files.
        UsageError: uvloop was asked for and is not installed.
    """
    try:
        factory, name = _factory(loop)
        with _quiet_process():
            _check_files()
            with asyncio.Runner(loop_factory=factory) as runner:
                return runner.run(work), name
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        raise SourceError("too many open files", hint="ulimit -n allows more") from None
    finally:
        work.close()


def _check_files() -> None:
    """Raise OSError where a loop and its first connection have no room: uvloop does not survive that."""
    with contextlib.ExitStack() as held:
        for _ in range(_LEAST_FILES):
            held.callback(os.close, os.open(os.devnull, os.O_RDONLY))


def _factory(loop: str) -> tuple[Callable[[], asyncio.AbstractEventLoop] | None, str]:
    if loop != "asyncio":
        try:
            import uvloop
        except ImportError:
            if loop == "uvloop":
                raise UsageError("--loop: uvloop is not installed", hint="pip install 'whet[load]'") from None
        else:
            return uvloop.new_event_loop, "uvloop"
    return None, "asyncio"


@contextlib.contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first Ctrl-C; the second one ends the program as always."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
        stop()

    # Only the main thread gets signals.
    with contextlib.suppress(ValueError, RuntimeError):
        for number in numbers:
            loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, RuntimeError):
            for number in numbers:
                loop.remove_signal_handler(number)


@contextlib.contextmanager
def _quiet_process() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    threshold = gc.get_threshold()
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, *threshold[1:])
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
