"""Following a program into the processes that it starts.

What Python code starts by exec (subprocess, multiprocessing's spawn and forkserver, os.posix_spawn,
os.exec*) gets the environment that makes a Python program record itself (injection.py); programs that
are no Python do not notice. What `os.fork` makes is told by a callback. Each process records into a
directory of its own below `processes/` of the recording; who reads the recording joins them.

A child that is about to be killed by this process is asked to save first.
"""

import os
import sys
import time

from whet.collect.probe import load_probe
from whet.collect.recording import NOT_FOLLOWED, PROCESSES, REQUEST, SESSION

__all__ = ["FollowHooks", "claim_process", "process_label"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

# Beyond so many processes the next ones are not followed, only counted.
MAX_PROCESSES = 1_000
# How long a child that is about to be killed may take to save.
LAST_SAVE_S = 1.0
_POLL_S = 0.005
_ENVIRONMENT_OF_FORK_EXEC = 5
_ENVIRONMENT_OF_SPAWN = 2
# os.posix_spawn takes None for the environment that it has.
SPAWN_INHERITS = sys.version_info >= (3, 13)


def claim_process(root: str) -> str | None:
    """Make and return this process's directory in the recording `root`; None if there shall be none."""
    parent = os.path.join(root, PROCESSES)
    try:
        os.mkdir(parent)
    except FileExistsError:
        pass
    except OSError:
        return None  # the recording is gone, or cannot be written
    try:
        if len(os.listdir(parent)) >= MAX_PROCESSES:
            with open(os.path.join(parent, NOT_FOLLOWED), "ab") as file:
                file.write(b".")
            return None
        path = os.path.join(parent, f"{os.getpid()}-{time.monotonic_ns():x}")
        os.mkdir(path)
    except OSError:
        return None
    return path


def process_label() -> str:
    """Return what profiles call this process: multiprocessing's name or the program's, and its id."""
    name = ""
    module = sys.modules.get("multiprocessing.process")
    if module is not None:
        name = getattr(getattr(module, "_current_process", None), "_name", "")
    if not name or name == "MainProcess":
        words = getattr(sys, "argv", None) or [""]
        name = os.path.basename(str(words[0])) or "python"
    return f"{name} [{os.getpid()}]"


class FollowHooks:
    """Have Python programs that this process starts record themselves.

    Args:
        root: the recording's directory.
        add: puts into an environment what makes a Python program record itself.
    """

    def __init__(self, root: str, add: "Callable[[Mapping[str, str]], Mapping[str, str]]") -> None:
        self._root = root
        self._add = add
        self._originals: list[tuple[ModuleType, str, object, object]] = []

    def install(self) -> None:
        """Replace the functions that start programs."""
        import _posixsubprocess

        self._replace([_posixsubprocess, sys.modules.get("subprocess")], "fork_exec", self._before_fork_exec)
        self._replace([os], "posix_spawn", self._before_spawn)
        self._replace([os], "posix_spawnp", self._before_spawn)
        self._replace([os], "execve", self._before_execve)

    def restore(self) -> None:
        """Put the originals back where nobody else has put something of their own."""
        for module, name, original, replacement in self._originals:
            if getattr(module, name, None) is replacement:
                setattr(module, name, original)
        self._originals.clear()

    def prepare_exec(self) -> None:
        """Put into the environment of the program that this process is about to become what follows it."""
        for key, value in self._add(os.environ).items():
            if os.environ.get(key) != value:
                os.putenv(key, value)

    def before_kill(self, pid: int) -> None:
        """Have a followed child save, and wait for it a moment."""
        mark = f"{pid}-"
        try:
            names = os.listdir(os.path.join(self._root, PROCESSES))
        except OSError:
            return
        for name in names:
            directory = os.path.join(self._root, PROCESSES, name)
            if name.startswith(mark) and os.path.exists(os.path.join(directory, SESSION)):
                _have_saved(pid, os.path.join(directory, REQUEST))

    def _replace(
        self, modules: "list[ModuleType | None]", name: str, change: "Callable[..., tuple[object, ...]]"
    ) -> None:
        adapt = load_probe().adapt
        original = getattr(modules[0], name)
        replacement = adapt(change, original)
        for module in modules:
            for found in (name, f"_{name}"):
                if module is not None and getattr(module, found, None) is original:
                    setattr(module, found, replacement)
                    self._originals.append((module, found, original, replacement))

    def _before_fork_exec(self, *args: object) -> "tuple[object, ...]":
        at = _ENVIRONMENT_OF_FORK_EXEC
        if len(args) <= at:
            return args
        given = args[at]
        present: Mapping[str, str] = os.environ
        if isinstance(given, list | tuple):
            pairs = (os.fsdecode(word).partition("=") for word in given)
            present = {key: value for key, _, value in pairs}
        wanted = [os.fsencode(f"{key}={value}") for key, value in self._add(present).items()]
        return (*args[:at], wanted, *args[at + 1 :])

    def _before_spawn(self, *args: object) -> "tuple[object, ...]":
        at = _ENVIRONMENT_OF_SPAWN
        if SPAWN_INHERITS and len(args) > at and args[at] is None:
            return (*args[:at], self._add(os.environ), *args[at + 1 :])
        return self._before_execve(*args)

    def _before_execve(self, *args: object) -> "tuple[object, ...]":
        at = _ENVIRONMENT_OF_SPAWN
        if len(args) <= at or not hasattr(args[at], "items"):
            return args
        given: Mapping[str, str] = args[at]  # type: ignore[assignment]
        present = {os.fsdecode(key): os.fsdecode(value) for key, value in given.items()}
        return (*args[:at], self._add(present), *args[at + 1 :])


def _have_saved(pid: int, request: str) -> None:
    give_up = time.monotonic() + LAST_SAVE_S
    try:
        if not _runs(pid):
            return
        with open(request, "wb"):
            pass
        while os.path.exists(request) and _runs(pid) and time.monotonic() < give_up:
            time.sleep(_POLL_S)
    except OSError:
        return


def _runs(pid: int) -> bool:
    """Tell whether a process is there and has not ended, stopped ones and zombies excluded."""
    from whet.collect.procfs import stat_fields

    return stat_fields(pid)[0] not in (b"Z", b"X", b"T", b"t")
