"""A queue of batches on disk: what was profiled and has not reached its backend yet.

One file a batch, written whole or not at all, so that a process that is killed loses nothing
that was queued. Each process has a directory of its own below the spool's; it is locked while
the process lives, and what a dead one left behind is adopted. The size is bounded: the oldest
batches give way, and are counted. Nothing is synced to the disk: a queue outlives its process,
not the machine's loss of power.
"""

import fcntl
import os
import shutil

from whet.collect.recording import explain, write_atomically
from whet.errors import SourceError
from whet.live.continuous.batch import Batch

__all__ = ["DEFAULT_SPOOL_BYTES", "Spool"]

DEFAULT_SPOOL_BYTES = 64 << 20

_LOCK = "lock"
_SUFFIX = ".batch"


class Spool:
    """The batches of this process that wait, oldest first.

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
        self._directory = os.path.join(root, f"{os.getpid()}-{_start_ticks()}")
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._lock = _lock(self._directory)
        except OSError as error:
            raise SourceError(
                f"{root}: cannot queue profiles there: {explain(error)}",
                hint="name another directory with spool=, or WHET_AGENT_SPOOL",
            ) from error
        # Name to size, oldest first: names begin with the time of the window.
        self._sizes: dict[str, int] = {}
        self.adopt()

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def bytes(self) -> int:
        """What the queue takes on disk."""
        return sum(self._sizes.values())

    def put(self, batch: Batch) -> None:
        """Queue a batch; the oldest ones give way when there is no room.

        Raises:
            SourceError: the disk takes no more.
        """
        data = batch.encode()
        while self._sizes and self.bytes + len(data) > self.max_bytes:
            self._remove(next(iter(self._sizes)))
            self.dropped += 1
        name = batch.name + _SUFFIX
        try:
            write_atomically(os.path.join(self._directory, name), data)
        except OSError as error:
            self.dropped += 1
            raise SourceError(f"{self._directory}: {explain(error)}") from error
        self._sizes[name] = len(data)

    def first(self) -> Batch | None:
        """Return the oldest batch, or None; files that are no batches are removed and counted."""
        while self._sizes:
            name = next(iter(self._sizes))
            try:
                with open(os.path.join(self._directory, name), "rb") as file:
                    return Batch.decode(file.read())
            except (OSError, ValueError):
                self._remove(name)
                self.unreadable += 1
        return None

    def done(self, batch: Batch) -> None:
        """Forget a batch that has arrived, or that nobody will ever take."""
        self._remove(batch.name + _SUFFIX)

    def adopt(self) -> None:
        """Take over what processes that are gone have left in this spool."""
        for entry in _entries(self.root):
            if os.path.join(self.root, entry) != self._directory:
                self._adopt_from(os.path.join(self.root, entry))
        found = {}
        for name in _entries(self._directory):
            if name.endswith(_SUFFIX):
                found[name] = _size(os.path.join(self._directory, name))
        self._sizes = dict(sorted(found.items()))
        while len(self._sizes) > 1 and self.bytes > self.max_bytes:
            self._remove(next(iter(self._sizes)))
            self.dropped += 1

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

    def _remove(self, name: str) -> None:
        self._sizes.pop(name, None)
        try:
            os.unlink(os.path.join(self._directory, name))
        except OSError:
            return


def _lock(directory: str) -> int:
    descriptor = os.open(os.path.join(directory, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it until now may have removed the directory.
        os.stat(os.path.join(directory, _LOCK))
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


def _start_ticks() -> str:
    """Return when this process started, so that a process number that comes again is another name."""
    try:
        with open("/proc/self/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return "0"
