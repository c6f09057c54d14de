"""The CPU collector: what this process's threads spend their CPU time on.

A thin face of native/probe/cpu/sampler.hpp, which says how it works. It knows no files and no
reports; what it gives is a profile.proto with the value types `samples/count` and
`cpu/nanoseconds`, the label `thread`, and comments that tell its own cost.
"""

from whet.collect.probe import load_probe
from whet.collect.recording import CPU
from whet.collect.snapshot import doubt_lines, packed, spent_ns
from whet.errors import CollectError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEFAULT_RATE_HZ", "MAX_FRAMES", "MAX_RATE_HZ", "CpuCollector", "check_rate"]

DEFAULT_RATE_HZ = 100
MAX_RATE_HZ = 10_000
MAX_FRAMES = 10_000

# Counters that are shown only when something happened, with what they mean.
_DOUBTS = {
    "dropped": "samples lost because the buffer, or memory, was full",
    "truncated": f"stacks deeper than {MAX_FRAMES} frames, root end cut off",
    "rejected": "stacks that could not be read",
    "folded": "stacks shortened to keep memory bounded",
    "other_interpreter": "samples in another interpreter of the process",
    "unguarded": "stacks read the slow way, another SIGSEGV handler being installed",
    "signal_changes": "times the program took our signal and another was chosen",
    "threads_without_timer": "threads that could not be sampled",
    "label_sets_refused": "label sets beyond the limit, left out",
}


def check_rate(rate_hz: float) -> float:
    """Return a rate of samples.

    Raises:
        UsageError: it is no number from 1 to 10,000.
    """
    if not 1 <= rate_hz <= MAX_RATE_HZ:
        raise UsageError(f"the rate must lie between 1 and {MAX_RATE_HZ} Hz, not {rate_hz:g}")
    return rate_hz


class CpuCollector:
    """Samples all threads of this process by their CPU time; at most one runs at a time.

    Args:
        rate_hz: samples per second of CPU time of each thread, 1 to 10,000.
    """

    name = "cpu"
    # Statistics that are CPU time taken from the program.
    SPENT = ("handler_ns", "delivery_ns", "service_ns")

    def __init__(self, *, rate_hz: float = DEFAULT_RATE_HZ) -> None:
        self.rate_hz = check_rate(rate_hz)
        self._probe = load_probe()
        self._mine = False

    def start(self) -> None:
        """Begin to sample.

        Raises:
            CollectError: this interpreter is not one whet knows, or a recording is running.
        """
        reason = self._probe.sampler_start(float(self.rate_hz), MAX_FRAMES)
        if reason:
            raise CollectError(reason)
        self._mine = True

    def stop(self) -> None:
        """End sampling and put everything back as it was; again has no effect."""
        if self._mine and self._probe.sampler_running():
            self._probe.sampler_stop()

    def statistics(self) -> dict[str, float]:
        """Return counters by name; names that end in _ns are nanoseconds."""
        statistics: dict[str, float] = self._probe.sampler_statistics()
        return statistics

    def facts(self) -> dict[str, object]:
        """Return what the recording's metadata say of this collector."""
        return {"rate_hz": self.rate_hz, "statistics": self.statistics()}

    def comments(self) -> list[str]:
        """Return what a reader of the profile should know about how it was made."""
        s = self.statistics()
        own_ns = spent_ns(self.SPENT, s)
        program_ns = max(s["process_cpu_ns"] - own_ns, 1.0)
        lines = [
            f"whet: rate_hz={self.rate_hz:g}",
            f"whet: interval_cv2={max(s['interval_cv2'], 0.0):.4f}",
            f"whet: handler_ns_per_sample={s['handler_ns'] / max(s['signals'], 1.0):.0f}",
            f"whet: overhead_share={own_ns / program_ns:.6f}",
            f"whet: sampled_cpu_share={s['sampled_cpu_ns'] / program_ns:.4f}",
            f"whet: threads={s['threads']:.0f}",
        ]
        return lines + doubt_lines(s, _DOUBTS)

    def profiles(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return all samples so far as an uncompressed profile.proto, by its file's name.

        May be called while sampling and after stop(). `comments` are put before the
        collector's own.
        """
        return {CPU: self._probe.sampler_profile([*comments, *self.comments()])}

    def snapshots(self, comments: "Sequence[str]" = ()) -> dict[str, bytes]:
        """Return the same, gzip-compressed."""
        return {file: packed(data) for file, data in self.profiles(comments).items()}
