"""A queue of batches on disk: what was profiled and has not reached its backend yet.

One file a batch, written whole or not at all, so that a process that is killed loses nothing
that was queued. Each process has a directory of its own below the spool's; it is locked while
the process lives, and what a dead one left behind is adopted. The size is bounded: the oldest
batches give way, and are counted. Nothing is synced to the disk: a queue outlives its process,
not the machine's loss of power.
"""

import errno
import fcntl
import os
import shutil
from _thread import allocate_lock

from whet.collect.procfs import start_ticks
from whet.collect.recording import explain, write_atomically
from whet.errors import SourceError
from whet.live.continuous.batch import Batch

__all__ = ["DEFAULT_SPOOL_BYTES", "Spool"]

DEFAULT_SPOOL_BYTES = 64 << 20

_LOCK = "lock"
_SUFFIX = ".batch"
_FRESH = "."


class Spool:
    """The batches of this process that wait, oldest first. One thread may put while another sends.

    Args:
        root: directory shared by the processes of a service; made when it is not there.
        max_bytes: what the batches of this process may take together.

    Raises:
        SourceError: the directory cannot be made or written.
    """

    def __init__(self, root: str, *, max_bytes: int = DEFAULT_SPOOL_BYTES) -> None:
        self.root = root
        self.max_bytes = max_bytes
        self.dropped = 0
        self.adopted = 0
        self.unreadable = 0
        try:
            self._directory, self._lock = _claim(root)
        except OSError as error:
            raise SourceError(
                f"{root}: cannot queue profiles there: {explain(error)}",
                hint="name another directory with spool=, or WHET_AGENT_SPOOL",
            ) from error
        # Name to size, in the order of sending. Names begin with the time of the window.
        self._sizes: dict[str, int] = {}
        self._changing = allocate_lock()
        self.adopt()

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """What the queue takes on disk."""
        return sum(self._sizes.values())

    def put(self, batch: Batch) -> None:
        """Queue a batch; the oldest ones give way when there is no room.

        Raises:
            SourceError: the disk takes no more.
        """
        data = batch.encode()
        name = batch.name + _SUFFIX
        if len(data) > self.max_bytes:
            self.dropped += 1
            raise SourceError(f"a window of {len(data)} bytes is more than may wait, {self.max_bytes}")
        with self._changing:
            self._make_room(len(data))
            try:
                self._write(name, data)
            except OSError as error:
                self.dropped += 1
                raise SourceError(f"{self._directory}: {explain(error)}") from error
            self._sizes[name] = len(data)

    def first(self) -> Batch | None:
        """Return the batch to send next, or None; files that are no batches are removed and counted."""
        while (name := next(iter(self._sizes), None)) is not None:
            try:
                with open(os.path.join(self._directory, name), "rb") as file:
                    return Batch.decode(file.read())
            except (OSError, ValueError):
                with self._changing:
                    # Nobody but `put` took it away, to make room.
                    self.unreadable += self._remove(name)
        return None

    def done(self, batch: Batch) -> None:
        """Forget a batch that has arrived, or that nobody will ever take."""
        with self._changing:
            self._remove(batch.name + _SUFFIX)

    def postpone(self, batch: Batch) -> None:
        """Have all others sent before this one."""
        name = batch.name + _SUFFIX
        with self._changing:
            if (size := self._sizes.pop(name, None)) is not None:
                self._sizes[name] = size

    def adopt(self) -> None:
        """Take over what processes that are gone have left in this spool; all is sent in order of time."""
        for entry in _entries(self.root):
            if not entry.startswith(_FRESH) and os.path.join(self.root, entry) != self._directory:
                self._adopt_from(os.path.join(self.root, entry))
        with self._changing:
            self._sizes = {
                name: _size(os.path.join(self._directory, name))
                for name in _entries(self._directory)
                if name.endswith(_SUFFIX)
            }
            self._make_room(0)

    def close(self) -> None:
        """Let others adopt what is left; an empty queue leaves no directory."""
        empty = not self._sizes
        if empty:
            shutil.rmtree(self._directory, ignore_errors=True)
        os.close(self._lock)

    def forget(self) -> None:
        """Leave the queue to the parent: this is a forked child of it."""
        # Of two processes that have the lock's file open, the last to close it unlocks.
        os.close(self._lock)

    def _write(self, name: str, data: bytes) -> None:
        path = os.path.join(self._directory, name)
        try:
            write_atomically(path, data)
        except FileNotFoundError:
            # Somebody has cleared the spool, a cleaner of temporary files for example.
            os.close(self._lock)
            self._directory, self._lock = _claim(self.root)
            path = os.path.join(self._directory, name)
            self.dropped += len(self._sizes)
            self._sizes.clear()
            write_atomically(path, data)

    def _make_room(self, size_bytes: int) -> None:
        """Have the oldest give way to so many bytes."""
        while self._sizes and self.size_bytes + size_bytes > self.max_bytes:
            self._remove(min(self._sizes))
            self.dropped += 1

    def _adopt_from(self, directory: str) -> None:
        try:
            lock = _lock(directory)
        except OSError:
            return  # its process lives
        try:
            for name in _entries(directory):
                if name.endswith(_SUFFIX):
                    os.rename(os.path.join(directory, name), os.path.join(self._directory, name))
                    self.adopted += 1
            shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            return  # the rest stays for the next one who looks
        finally:
            os.close(lock)

    def _remove(self, name: str) -> bool:
        """Forget a batch; tell whether it was there."""
        was_there = self._sizes.pop(name, None) is not None
        try:
            os.unlink(os.path.join(self._directory, name))
        except OSError:
            return was_there  # its file is gone already
        return was_there


def _claim(root: str) -> tuple[str, int]:
    """Make a directory of this process's own; return it and its lock's descriptor."""
    name = f"{os.getpid()}-{start_ticks('self')}"
    # Until it is locked it has a name that nobody adopts.
    fresh = os.path.join(root, f"{_FRESH}{name}")
    os.makedirs(fresh, mode=0o700, exist_ok=True)
    lock = _lock(fresh)
    number = 0
    while True:
        directory = os.path.join(root, f"{name}-{number}")
        try:
            os.rename(fresh, directory)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                os.close(lock)
                raise
            number += 1  # what this process was before an exec has left it
        else:
            return directory, lock


def _lock(directory: str) -> int:
    descriptor = os.open(os.path.join(directory, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it until now may have removed the directory, and somebody else made another one.
        if not os.path.samestat(os.fstat(descriptor), os.stat(os.path.join(directory, _LOCK))):
            raise BlockingIOError(errno.EWOULDBLOCK, "locked by another process", directory)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _entries(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
