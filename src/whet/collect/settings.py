"""What a recording collects, as one value that travels from the command line into the program."""

from whet.collect.cpu import DEFAULT_RATE_HZ, CpuCollector

__all__ = ["DEFAULT_MEAN_BYTES", "DEFAULT_THRESHOLD_NS", "Settings", "make_collectors"]

DEFAULT_MEAN_BYTES = 512 * 1024
DEFAULT_THRESHOLD_NS = 100_000

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Collector(Protocol):
        """What a session runs; `name` is the collector's key in meta.json."""

        name: str

        def start(self) -> None: ...
        def stop(self) -> None: ...
        def facts(self) -> dict[str, object]: ...
        def snapshots(self, comments: Sequence[str]) -> dict[str, bytes]: ...


class Settings:
    """Which collectors run, and how; and for how long.

    Attributes:
        rate_hz: samples per second of CPU time, 1 to 10,000.
        heap_bytes: allocated bytes between two samples of the heap, 1 is every allocation; None: no heap.
        block_ns: waits shorter than that are left out; None: no waits.
        tasks: watch asyncio's tasks, and label all samples with them.
        threads: dump what all threads and tasks do.
        gc: record garbage collections.
        duration_s: record only that long; None is without limit.
        follow: record the Python programs that it starts, too.
    """

    def __init__(
        self,
        *,
        rate_hz: int = DEFAULT_RATE_HZ,
        heap_bytes: int | None = None,
        block_ns: int | None = None,
        tasks: bool = False,
        threads: bool = False,
        gc: bool = False,
        duration_s: float | None = None,
        follow: bool = False,
    ) -> None:
        self.rate_hz = rate_hz
        self.heap_bytes = heap_bytes
        self.block_ns = block_ns
        self.tasks = tasks
        self.threads = threads
        self.gc = gc
        self.duration_s = duration_s
        self.follow = follow

    def to_text(self) -> str:
        """Return one line that `from_text` reads."""
        return " ".join(f"{key}={value + 0!r}" for key, value in vars(self).items() if value is not None)

    @classmethod
    def from_text(cls, text: str) -> "Settings":
        """Return the settings that `to_text` wrote."""
        settings = cls()
        for word in text.split():
            key, _, value = word.partition("=")
            kind = float if key.endswith("_s") else int
            setattr(settings, key, kind(value))
        return settings


def make_collectors(settings: Settings) -> "list[Collector]":
    """Return the collectors that are wanted, not started yet, in the order of their starting.

    Raises:
        CollectError: whet was installed without a compiler.
        UsageError: a setting is out of range.
    """
    collectors: list[Collector] = [CpuCollector(rate_hz=settings.rate_hz)]
    if settings.block_ns is not None:
        from whet.collect.blocking import BlockCollector

        collectors.append(BlockCollector(threshold_ns=settings.block_ns))
    if settings.tasks:
        from whet.collect.tasks import TaskCollector

        collectors.append(TaskCollector())
    if settings.gc:
        from whet.collect.gc import GcCollector

        collectors.append(GcCollector())
    if settings.threads:
        from whet.collect.dump import ThreadsCollector

        collectors.append(ThreadsCollector())
    # The last one: what the others need is not the program's.
    if settings.heap_bytes is not None:
        from whet.collect.heap import HeapCollector

        collectors.append(HeapCollector(mean_bytes=settings.heap_bytes))
    return collectors
