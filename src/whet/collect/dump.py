"""Dumps of threads and tasks: `whet.dump_threads`, `whet.threads_on_signal`, and a collector.

Go prints all goroutines on SIGQUIT and ends; a Python program that asked for it prints its
threads and tasks and goes on.
"""

import os
import sys

from whet.collect.recording import THREADS
from whet.collect.threads import Stack, take_stacks
from whet.collect.threads_profile import encode_stacks
from whet.collect.threads_text import counted_text, full_text
from whet.errors import UsageError

__all__ = ["ThreadsCollector", "dump_threads", "threads_on_signal", "threads_profile"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


def dump_threads(file: "TextIO | None" = None, *, debug: int = 2) -> None:
    """Write what all threads and asyncio tasks do at this moment.

    Args:
        file: a text file; None is stderr.
        debug: 2 writes every stack, 1 equal stacks once with their number.

    Raises:
        UsageError: another `debug`.
    """
    text = _text(take_stacks(), debug)
    file = sys.stderr if file is None else file
    if file is not None:
        file.write(text)
        file.flush()


def threads_profile() -> bytes:
    """Return what all threads and asyncio tasks do at this moment as a gzip-compressed profile.proto."""
    return encode_stacks(take_stacks())


def threads_on_signal(signum: int | None = None, *, debug: int = 2) -> None:
    """Dump all threads and tasks to stderr whenever the process gets a signal, and go on.

    Call it in the main thread. Python runs the dump there, between two instructions: a main thread
    that is stuck in native code delays it.

    Args:
        signum: the signal; None is SIGQUIT (Ctrl and backslash on a terminal).
        debug: as in `dump_threads`.

    Raises:
        UsageError: another `debug`, or a signal that cannot be caught.
    """
    import signal

    _text([], debug)

    def dump(_number: int, _frame: object) -> None:
        # Not through sys.stderr: the signal may have interrupted a write to it.
        data = _text(take_stacks(), debug).encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(2, data) :]
        except OSError:
            return  # nobody is there to be told

    try:
        signal.signal(signal.SIGQUIT if signum is None else signum, dump)
    except (OSError, ValueError) as error:
        raise UsageError(f"signal {signum}: {error}") from None


class ThreadsCollector:
    """Keeps the largest dump among those taken when a recording is saved, of equal ones the latest.

    At the end of most programs hardly anything is left to be seen.
    """

    name = "threads"

    def __init__(self) -> None:
        self._most: list[Stack] = []
        self._dumps = 0
        self._stopped = False

    def start(self) -> None:
        """Do nothing: dumps are taken when they are asked for."""

    def stop(self) -> None:
        """Take the last dump, while those run who know how long things last; again has no effect."""
        if not self._stopped:
            self._dump()
        self._stopped = True

    def facts(self) -> "dict[str, object]":
        """Return what meta.json says of this collector."""
        threads = sum(stack.kind == "thread" for stack in self._most)
        return {"dumps": self._dumps, "threads": threads, "tasks": len(self._most) - threads}

    def snapshots(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Take a dump, unless stopped, and return the largest one so far: `threads.pb.gz`."""
        if not self._stopped:
            self._dump()
        return {THREADS: encode_stacks(self._most, comments)}

    def _dump(self) -> None:
        # The thread that records the end of the program has no stack of the program's any more.
        stacks = [stack for stack in take_stacks() if stack.frames]
        self._dumps += 1
        if len(stacks) >= len(self._most):
            self._most = stacks


def _text(stacks: list[Stack], debug: int) -> str:
    if debug not in (1, 2):
        raise UsageError(f"debug must be 1 or 2, not {debug!r}")
    return counted_text(stacks) if debug == 1 else full_text(stacks)
