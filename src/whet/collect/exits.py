"""The ways a process ends without running `atexit`, and those in which it forks.

`os._exit`, `os.exec*` and what sends a deadly signal to this process (`os.kill`, `signal.raise_signal`)
are replaced by functions that call back first, `os.fork` and `os.forkpty` by such that call back before
and after; `restore` puts the originals back. In a forked child no exit is reported. It does not decide
what is saved or paused.
"""

import _signal  # type: ignore[import-not-found]  # `signal` itself costs an import of enum
import os
import sys

from whet.collect.probe import load_probe

__all__ = ["ExitHooks", "ForkHooks"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

# All other exec functions of `os` are written in Python on top of these two.
_OF_OS = ("_exit", "execv", "execve", "kill")
# Signals that by default do nothing, or stop or continue the process.
_HARMLESS = {
    _signal.SIGCHLD, _signal.SIGCONT, _signal.SIGURG, _signal.SIGWINCH,
    _signal.SIGSTOP, _signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU,
}  # fmt: skip
# What one process sends another to end it.
_ENDS = {_signal.SIGTERM, _signal.SIGKILL, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGHUP}


class ExitHooks:
    """Call `leaving(how)` right before this process ends unseen or becomes another program.

    `killing(pid)` is called right before this process kills another one.
    """

    def __init__(self, leaving: "Callable[[str], None]", killing: "Callable[[int], None]") -> None:
        self._leaving = leaving
        self._killing = killing
        self._pid = os.getpid()
        self._originals: dict[str, Callable[..., object]] = {}
        self._replacements: dict[str, Callable[..., object]] = {}

    def install(self) -> None:
        """Replace the functions."""
        precede = load_probe().precede
        for name in (*_OF_OS, "raise_signal"):
            original = self._originals[name] = getattr(_homes(name)[0], name)
            replacement = self._replacements[name] = precede(self._watch(name), original)
            self._exchange(name, original, replacement)

    def restore(self) -> None:
        """Put the originals back where nobody else has put something of their own."""
        for name, replacement in self._replacements.items():
            self._exchange(name, replacement, self._originals[name])
        self._replacements.clear()

    def _exchange(self, name: str, present: "Callable[..., object]", wanted: "Callable[..., object]") -> None:
        for home in _homes(name):
            if getattr(home, name) is present:
                setattr(home, name, wanted)

    def _watch(self, name: str) -> "Callable[..., None]":
        def watch(*args: object) -> None:
            if name not in self._replacements or os.getpid() != self._pid:
                return
            if _will_happen(name, args):
                self._leaving(name)
            elif name == "kill" and _kills_another(args):
                self._killing(args[0])  # type: ignore[arg-type]

        return watch


class ForkHooks:
    """Call `before()` and `after()` around every fork of this process that Python code makes."""

    def __init__(self, before: "Callable[[], None]", after: "Callable[[], None]") -> None:
        self._before = before
        self._after = after
        self._originals: dict[str, Callable[..., object]] = {}
        self._replacements: dict[str, Callable[..., object]] = {}

    def install(self) -> None:
        """Replace the functions."""
        surround = load_probe().surround
        for name in ("fork", "forkpty"):
            original = self._originals[name] = getattr(os, name)
            self._replacements[name] = surround(self._before, original, self._after)
            setattr(os, name, self._replacements[name])

    def restore(self) -> None:
        """Put the originals back where nobody else has put something of their own."""
        for name, replacement in self._replacements.items():
            if getattr(os, name) is replacement:
                setattr(os, name, self._originals[name])
        self._replacements.clear()


def _homes(name: str) -> "list[ModuleType]":
    """Return the modules in which a function is found; `signal` may not be imported yet."""
    if name in _OF_OS:
        return [os]
    public = sys.modules.get("signal")
    return [_signal, public] if public else [_signal]


def _will_happen(name: str, args: "tuple[object, ...]") -> bool:
    if name == "kill":
        return len(args) == 2 and args[0] == os.getpid() and _is_deadly(args[1])
    if name == "raise_signal":
        return len(args) == 1 and _is_deadly(args[0])
    # os.execvp tries every directory of PATH; only a file that can be run is worth a callback.
    if name == "_exit" or not args or isinstance(args[0], int):
        return True
    try:
        return os.access(args[0], os.X_OK)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _kills_another(args: "tuple[object, ...]") -> bool:
    return len(args) == 2 and isinstance(args[0], int) and args[0] > 0 and args[1] in _ENDS


def _is_deadly(number: object) -> bool:
    if not isinstance(number, int) or number in _HARMLESS or number == 0:
        return False
    try:
        return number == _signal.SIGKILL or bool(_signal.getsignal(number) == _signal.SIG_DFL)
    except ValueError:
        return False
