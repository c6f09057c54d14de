"""Whether it was the client, and not the server, that a load has measured.

Doubts are values: what the report says of them, and whether it shows them, is for others.
"""

from __future__ import annotations

from dataclasses import dataclass

from whet.analyze.load.totals import Totals

__all__ = ["Client", "Doubt", "Effort", "find_doubts"]

# A loop that computes nine tenths of the time has no time to look when an answer came.
_BUSY = 0.9
# A schedule that was kept to less than this is missed.
_KEPT = 0.99
_WAITED = 0.01
# CPU clocks move in steps: less than this says nothing of them.
_SHORTEST_NS = 200_000_000
_LATE_SHARE = 0.1
_LATE_NS = 1_000_000


@dataclass(frozen=True)
class Client:
    """What served the connections.

    Attributes:
        kind: `compiled` or `python`.
        loop: the event loop around it, `asyncio` or `uvloop`.
    """

    kind: str
    loop: str


@dataclass(frozen=True)
class Effort:
    """What the client did, and what it was to do.

    Attributes:
        wall_ns, cpu_ns: of the client during the load.
        lag_ns: 99 % of the client's own timers were late by no more than this.
        due: requests that the schedule asked for; 0 where there is none.
    """

    wall_ns: int
    cpu_ns: int
    lag_ns: int
    due: int = 0

    @property
    def cpu_share(self) -> float:
        """The share of one core that the client used."""
        return min(1.0, self.cpu_ns / self.wall_ns) if self.wall_ns else 0.0


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt the numbers.

    Attributes:
        kind: `client busy`, `client late`, `schedule missed`, `connections busy` or `all failed`.
        value, bound: what was found, and what it is to be compared with.
    """

    kind: str
    value: float
    bound: float


def find_doubts(totals: Totals, effort: Effort) -> list[Doubt]:
    """Return every reason to doubt, the worst first."""
    doubts = []
    if totals.failures and not totals.answers:
        doubts.append(Doubt("all failed", totals.failures, 0))
    if effort.due and totals.started < _KEPT * effort.due:
        doubts.append(Doubt("schedule missed", totals.started, effort.due))
    if effort.cpu_share >= _BUSY and effort.wall_ns >= _SHORTEST_NS:
        doubts.append(Doubt("client busy", effort.cpu_share, 1))
    late_ns = totals.late.quantile_ns(0.99)
    limit_ns = max(_LATE_NS, _LATE_SHARE * totals.latency.quantile_ns(0.5))
    if late_ns > limit_ns:
        doubts.append(Doubt("client late", late_ns, totals.latency.quantile_ns(0.5)))
    if totals.started and totals.waited > _WAITED * totals.started:
        doubts.append(Doubt("connections busy", totals.waited, totals.started))
    return doubts
