"""What a recording collects, as one value that travels from the command line into the program."""

from whet.collect.cpu import DEFAULT_RATE_HZ, CpuCollector

__all__ = ["Settings", "make_collectors"]

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
        duration_s: record only that long; None is without limit.
        follow: record the Python programs that it starts, too.
    """

    def __init__(
        self, *, rate_hz: int = DEFAULT_RATE_HZ, duration_s: float | None = None, follow: bool = False
    ) -> None:
        self.rate_hz = rate_hz
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
    return [CpuCollector(rate_hz=settings.rate_hz)]
