"""Profiles of processes that were looked at from outside, in the record that all reports read.

`cpu`: `samples/count` and `cpu/nanoseconds` of threads that ran, by the label `thread`. `wall`:
`samples/count` and `wall/nanoseconds` of all threads, by the labels `thread`, `state` and `gil`.
With more than one process, `process` tells them apart. It opens no files.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

from whet.model.builder import ProfileBuilder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from whet.collect.remote.process import RemoteProcess, Seen
    from whet.model.profile import Profile

__all__ = ["cpu_profile", "wall_profile"]

_NO_FRAME = "[no Python frame]"
_NOT_SEEN = "[ran between samples]"


def cpu_profile(
    processes: Sequence[RemoteProcess], *, rate_hz: float, start_ns: int, comments: Sequence[str]
) -> Profile:
    """Return what the processes' threads spent their CPU time on; the total is what their clocks say."""
    builder = _builder("cpu", processes, rate_hz, start_ns, comments)
    for process in processes:
        owner = _owner(process, processes)
        places = _Places(builder, process)
        rows = [seen for seen in process.seen() if seen.cpu_samples or seen.cpu_ns]
        for thread, unseen_ns in process.unseen_cpu_ns().items():
            own = [seen for seen in rows if seen.thread == thread and seen.cpu_samples]
            if not own:
                place = builder.frame(_NOT_SEEN)
                builder.sample([place], (0, unseen_ns), [("thread", thread), *owner])
            _share_out(unseen_ns, own)
        for seen in rows:
            values = (seen.cpu_samples, seen.cpu_ns)
            builder.sample(places.stack(seen.node), values, [("thread", seen.thread), *owner])
    return builder.build()


def wall_profile(
    processes: Sequence[RemoteProcess], *, rate_hz: float, start_ns: int, comments: Sequence[str]
) -> Profile:
    """Return what the processes' threads did or waited for, by the clock on the wall."""
    builder = _builder("wall", processes, rate_hz, start_ns, comments)
    for process in processes:
        owner = _owner(process, processes)
        places = _Places(builder, process)
        for seen in process.seen():
            labels = [("thread", seen.thread), ("state", seen.state), *owner]
            if seen.gil:
                labels.append(("gil", seen.gil))
            builder.sample(places.stack(seen.node), (seen.samples, seen.wall_ns), labels)
    return builder.build()


def _builder(
    kind: str, processes: Sequence[RemoteProcess], rate_hz: float, start_ns: int, comments: Sequence[str]
) -> ProfileBuilder:
    builder = ProfileBuilder([("samples", "count"), (kind, "nanoseconds")])
    builder.default_sample_type = kind
    builder.period_type = (kind, "nanoseconds")
    builder.period = round(1e9 / rate_hz)
    builder.time_nanos = start_ns
    builder.duration_nanos = round(max((one.statistics()["elapsed_ns"] for one in processes), default=0))
    builder.comments = list(comments)
    return builder


def _owner(process: RemoteProcess, processes: Sequence[RemoteProcess]) -> list[tuple[str, str]]:
    return [("process", str(process.pid))] if len(processes) > 1 else []


def _share_out(unseen_ns: int, rows: Sequence[Seen]) -> None:
    """Add CPU time that belongs to no sample to those of the same thread, by their number."""
    total = sum(seen.cpu_samples for seen in rows)
    ends = [0, *accumulate(seen.cpu_samples for seen in rows)]
    for seen, (begin, end) in zip(rows, pairwise(ends), strict=True):
        seen.cpu_ns += unseen_ns * end // total - unseen_ns * begin // total


class _Places:
    """The stacks of one process as rows of the profile's locations."""

    def __init__(self, builder: ProfileBuilder, process: RemoteProcess) -> None:
        codes = process.codes()
        self._functions = [builder.function(name, file, first, name) for name, file, first in codes]
        self._nodes = process.nodes()
        self._builder = builder
        self._locations: dict[int, int] = {}

    def stack(self, node: int) -> list[int]:
        """Return the locations of a node and those above it, leaf first."""
        if node < 0:
            return [self._builder.frame(_NO_FRAME)]
        found = []
        while node >= 0:
            parent, code, line = self._nodes[node]
            if node not in self._locations:
                self._locations[node] = self._builder.location(self._functions[code], line)
            found.append(self._locations[node])
            node = parent
        return found
