"""The machine lock: one measurement at a time, first come, first served, without a daemon.

Everyone who wants the lock takes a *ticket*: a file in the lock's directory, numbered in order of
arrival, on which its owner holds an flock(2) for as long as it lives. A ticket whose file is not
locked is dead, whatever happened to its owner, so nobody has to clean up after kill -9.

A ticket is served when nothing before it stands in its way: for an exclusive ticket that is any
live ticket, for a shared one any live exclusive ticket. Whoever waits blocks in flock on the
nearest ticket in its way; nobody polls. The file `mutex` is locked while tickets are numbered or
counted, never while somebody waits.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import signal
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from whet.errors import SourceError, WhetError

__all__ = ["HELD_VARIABLE", "LockTimeoutError", "MachineLock", "Ticket", "lock_directory"]

# Anybody may add a ticket; the sticky bit keeps others from removing it.
_DIRECTORY_MODE, _FILE_MODE = 0o1777, 0o666
_MUTEX = "mutex"
# Set for what runs under the lock, which must not wait for itself.
HELD_VARIABLE = "WHET_LOCK_HELD"


class LockTimeoutError(WhetError):
    """The lock did not become free in the time given."""


@dataclass(frozen=True)
class Ticket:
    """A place in the queue, as its owner wrote it down.

    Attributes:
        number: place in the order of arrival.
        pid, user, command: of the owner, for people; empty or 0 if the owner did not get to write it.
        shared: does not mind other shared tickets.
        since_ns: time of arrival, nanoseconds since the epoch.
        served: holds the lock now.
    """

    number: int
    pid: int
    user: str
    command: str
    shared: bool
    since_ns: int
    served: bool


def lock_directory() -> Path:
    """Return where this machine's lock lives: $WHET_LOCK, else a folder that all users share."""
    named = os.environ.get("WHET_LOCK")
    if named:
        return Path(named)
    shared = Path("/run/lock")
    parent = shared if os.access(shared, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return parent / "whet"


class MachineLock:
    """The lock of one directory.

    Raises:
        SourceError: the directory cannot be made or used.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._descriptor: int | None = None
        self._path = directory
        try:
            with suppress(FileExistsError):
                directory.mkdir()
                directory.chmod(_DIRECTORY_MODE)  # whatever the umask
            if not stat.S_ISDIR(directory.lstat().st_mode):
                raise SourceError(f"{directory}: is not a directory", hint="name another with WHET_LOCK=DIR")
        except OSError as error:
            raise _unusable(directory, error) from None

    def tickets(self) -> list[Ticket]:
        """Return all live tickets in their order."""
        with self._mutex():
            found = [(number, self._read(path)) for number, path in self._live()]
        tickets: list[Ticket] = []
        for number, content in found:
            shared = bool(content.get("shared"))
            served = not any(blocks(ticket.shared, shared) for ticket in tickets)
            tickets.append(_ticket(number, content, shared=shared, served=served))
        return tickets

    def join(self, command: str, *, shared: bool) -> int:
        """Take a ticket and return its number.

        The ticket lives until `leave` is called or the last process that has inherited `descriptor`
        is gone.

        Raises:
            SourceError: the ticket cannot be written.
        """
        content = {
            "pid": os.getpid(),
            "user": _user_name(),
            "command": command,
            "shared": shared,
            "since_ns": time.time_ns(),
        }
        with self._mutex():
            self._live()
            number = max(map(int, self._numbered()), default=0) + 1
            path = self.directory / f"{number:08d}"
            try:
                self._path = path
                self._descriptor = _open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                os.write(self._descriptor, json.dumps(content).encode())
            except OSError as error:
                self.leave()
                raise _unusable(path, error) from None
        return number

    @property
    def descriptor(self) -> int | None:
        """The file descriptor that keeps the ticket alive."""
        return self._descriptor

    def wait(self, number: int, *, shared: bool, timeout_s: float | None = None) -> None:
        """Return when ticket `number` is served.

        Uses SIGALRM while a `timeout_s` is given, so call it from the main thread.

        Raises:
            LockTimeoutError: it was not served within `timeout_s` seconds.
        """
        with _alarm(timeout_s):
            while (obstacle := self._obstacle(number, shared=shared)) is not None:
                if timeout_s == 0:
                    raise LockTimeoutError("the lock is taken")
                self._wait_for(obstacle)

    @contextmanager
    def held(self, command: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock for the length of the block, exclusively.

        Does nothing where the process runs under `whet lock`, which holds it already.

        Args:
            command: what to tell others about who holds it.
            waiting: called once if somebody else holds it.
        """
        if HELD_VARIABLE in os.environ:
            yield
            return
        number = self.join(command, shared=False)
        try:
            if self._obstacle(number, shared=False) is not None:
                waiting()
            self.wait(number, shared=False)
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """Give the ticket up."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        with suppress(OSError):
            self._path.unlink()
        os.close(descriptor)

    def _obstacle(self, number: int, *, shared: bool) -> Path | None:
        """Return the nearest live ticket that stands in the way of `number`."""
        with self._mutex():
            for other, path in reversed(self._live()):
                if other < number and (not shared or not self._read(path).get("shared")):
                    return path
        return None

    def _wait_for(self, path: Path) -> None:
        try:
            descriptor = _open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def _live(self) -> list[tuple[int, Path]]:
        """Return number and path of each live ticket in order; remove the dead. Needs the mutex."""
        live = []
        for name in self._numbered():
            path = self.directory / name
            if _is_alive(path):
                live.append((int(name), path))
            else:
                with suppress(OSError):  # another user's
                    path.unlink()
        return sorted(live)

    def _read(self, path: Path) -> dict[str, object]:
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _numbered(self) -> list[str]:
        names = (path.name for path in self.directory.iterdir())
        return [name for name in names if name.isdecimal() and name.isascii()]

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        path = self.directory / _MUTEX
        try:
            descriptor = _open(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def blocks(earlier_is_shared: bool, later_is_shared: bool) -> bool:
    """Say whether a live ticket stands in the way of a later one."""
    return not (earlier_is_shared and later_is_shared)


def _ticket(number: int, content: dict[str, object], *, shared: bool, served: bool) -> Ticket:
    def whole(key: str) -> int:
        value = content.get(key)
        return value if isinstance(value, int) else 0

    return Ticket(
        number=number,
        pid=whole("pid"),
        user=str(content.get("user", "")),
        command=str(content.get("command", "")),
        shared=shared,
        since_ns=whole("since_ns"),
        served=served,
    )


def _is_alive(path: Path) -> bool:
    try:
        descriptor = _open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(path: Path, flags: int) -> int:
    """Open a file that others may have made: no link is followed, the umask does not count."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
    if flags & os.O_CREAT:
        with suppress(OSError):  # another user's
            os.fchmod(descriptor, _FILE_MODE)
    return descriptor


@contextmanager
def _alarm(timeout_s: float | None) -> Iterator[None]:
    """Raise `LockTimeoutError` in the block once `timeout_s` seconds are over."""
    if not timeout_s:
        yield
        return

    def ring(_signal: int, _frame: object) -> None:
        raise LockTimeoutError(f"the lock did not become free within {timeout_s:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _unusable(path: Path, error: OSError) -> SourceError:
    return SourceError(
        f"{path}: the machine lock cannot be kept here: {error.strerror}",
        hint="name another directory with WHET_LOCK=DIR",
    )
