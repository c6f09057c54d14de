"""The ways a process ends without running `atexit`, and those in which it forks.

`os._exit` and `os.exec*` are replaced by functions that call back first, `os.fork` and
`os.forkpty` by such that call back before and after; `restore` puts the originals back. In a
forked child no exit is reported. It does not decide what is saved or paused.
"""

import os

from whet.collect.probe import load_probe

__all__ = ["ExitHooks", "ForkHooks"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# All other exec functions of `os` are written in Python on top of these two.
_NAMES = ("_exit", "execv", "execve")


class ExitHooks:
    """Call `leaving(how)` right before this process ends by `os._exit` or becomes another program."""

    def __init__(self, leaving: "Callable[[str], None]") -> None:
        self._leaving = leaving
        self._pid = os.getpid()
        self._originals: dict[str, Callable[..., object]] = {}
        self._replacements: dict[str, Callable[..., object]] = {}

    def install(self) -> None:
        """Replace the functions."""
        for name in _NAMES:
            self._originals[name] = getattr(os, name)
            self._replacements[name] = self._wrap(name, self._originals[name])
            setattr(os, name, self._replacements[name])

    def restore(self) -> None:
        """Put the originals back where nobody else has put something of their own."""
        for name, replacement in self._replacements.items():
            if getattr(os, name) is replacement:
                setattr(os, name, self._originals[name])
        self._replacements.clear()

    def _wrap(self, name: str, original: "Callable[..., object]") -> "Callable[..., object]":
        def leave(*args: object, **kwargs: object) -> object:
            if name in self._replacements and os.getpid() == self._pid and _will_happen(name, args):
                self._leaving(name)
            return original(*args, **kwargs)

        leave.__name__ = leave.__qualname__ = name
        leave.__module__ = original.__module__
        leave.__doc__ = original.__doc__
        return leave


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


def _will_happen(name: str, args: "tuple[object, ...]") -> bool:
    # os.execvp tries every directory of PATH; only a file that can be run is worth a callback.
    if name == "_exit" or not args or isinstance(args[0], int):
        return True
    try:
        return os.access(args[0], os.X_OK)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
