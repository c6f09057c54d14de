"""What threads of other processes do, counted for people: by thread, and the busiest functions so far."""

from __future__ import annotations

from collections import Counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from whet.collect.remote.process import RemoteProcess
    from whet.render.attach import ThreadRow, TopRow

__all__ = ["Busiest", "thread_rows"]


def thread_rows(processes: Sequence[RemoteProcess]) -> list[ThreadRow]:
    """Return a row a thread, the busiest first."""
    rows: list[ThreadRow] = []
    for process in processes:
        cpu: Counter[str] = Counter(process.unseen_cpu_ns())
        states: dict[str, Counter[str]] = {}
        for seen in process.seen():
            cpu[seen.thread] += seen.cpu_ns
            states.setdefault(seen.thread, Counter())[seen.state] += seen.wall_ns
        for thread, counts in states.items():
            whole = max(counts.total(), 1)
            shares = [(state, wall_ns / whole) for state, wall_ns in counts.most_common()]
            rows.append((process.pid, thread, cpu[thread], shares))
    return sorted(rows, key=lambda row: -row[2])


class Busiest:
    """The functions that processes spend their CPU time in, now and since the start."""

    def __init__(self, processes: Sequence[RemoteProcess]) -> None:
        self._processes = processes
        self._before: Counter[tuple[str, str, int]] = Counter()

    def rows(self, limit: int) -> list[TopRow]:
        """Return the busiest functions at this moment first; `now` is since the last call."""
        own: Counter[tuple[str, str, int]] = Counter()
        total: Counter[tuple[str, str, int]] = Counter()
        for process in self._processes:
            _count(process, own, total)
        whole = max(own.total(), 1)
        now = own - self._before
        now_whole = max(now.total(), 1)
        self._before = own
        order = sorted(total, key=lambda code: (-now[code], -own[code], -total[code], code))
        return [
            (code[0], _place(code), now[code] / now_whole, own[code] / whole, total[code] / whole)
            for code in order[:limit]
        ]


def _count(
    process: RemoteProcess, own: Counter[tuple[str, str, int]], total: Counter[tuple[str, str, int]]
) -> None:
    rows = list(process.seen())  # first: what comes later has nodes that are not in the tree yet
    codes, nodes = process.codes(), process.nodes()
    for seen in rows:
        if not seen.cpu_ns or seen.node < 0:
            continue
        own[codes[nodes[seen.node][1]]] += seen.cpu_ns
        at, met = seen.node, set()
        while at >= 0:
            at, code, _ = nodes[at]
            met.add(code)
        for code in met:  # a recursive function counts once
            total[codes[code]] += seen.cpu_ns


def _place(code: tuple[str, str, int]) -> str:
    return f"{code[1].rpartition('/')[2]}:{code[2]}" if code[1] else ""
