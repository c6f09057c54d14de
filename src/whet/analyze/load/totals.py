"""What all answers of a load come to, in memory that does not grow with their number.

Answers come in blocks: int64[n, 8], a row for each request with the columns of `Column`. Nothing is kept of
them but histograms and sums. It knows no clock and no connection, and formats nothing.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from whet.analyze.load.histogram import Histogram

__all__ = ["Column", "Totals", "as_block"]

I64 = npt.NDArray[np.int64]
# Servers may answer with any number; after so many different ones they count together.
_MOST_STATUSES = 100
_MOST_ERRORS = 50
OTHER_ERRORS = "other errors"
OTHER_STATUSES = 0


class Column(IntEnum):
    """Columns of a block: times in ns of one clock, then an HTTP status and bytes.

    INTENDED is when the request should have started, START when it did, READY when it had a connection,
    WRITTEN when it was handed to the kernel, FIRST when the first byte of the answer came, END when the last.
    """

    INTENDED = 0
    START = 1
    READY = 2
    WRITTEN = 3
    FIRST = 4
    END = 5
    STATUS = 6
    BYTES = 7


def as_block(rows: list[int]) -> I64:
    """Return rows that stand one after the other in a list as a block."""
    return np.array(rows, np.int64).reshape(-1, len(Column))


class Totals:
    """The sums of a load.

    Attributes:
        latency: from the intended start to the last byte.
        service: from the actual start to the last byte; equal to `latency` unless there is a schedule.
        wait: from the request's last byte to the answer's first; `read`: from there to its last.
        write: handing the request to the kernel.
        dial, tls: of each connection that was made.
        late: how late the client itself was with requests for which a connection was free.
        by_status: latencies by HTTP status.
        errors: how often each kind of failure came.
        size_bytes: of all bodies.
        connections: that were made; `retries`: requests sent again because an idle connection had been
        closed. waited: requests that were due when no connection was free.
    """

    def __init__(self) -> None:
        self.latency = Histogram()
        self.service = Histogram()
        self.wait = Histogram()
        self.read = Histogram()
        self.write = Histogram()
        self.dial = Histogram()
        self.tls = Histogram()
        self.late = Histogram()
        self.by_status: dict[int, Histogram] = {}
        self.errors: dict[str, int] = {}
        self.size_bytes = 0
        self.connections = 0
        self.retries = 0
        self.waited = 0
        self.started = 0

    @property
    def answers(self) -> int:
        """How many requests were answered."""
        return self.latency.count

    @property
    def failures(self) -> int:
        """How many were not."""
        return sum(self.errors.values())

    def add(self, block: I64) -> None:
        """Add a block of answers."""
        intended, start, ready, written, first, end, status, size = block.T
        latency = end - intended
        self.latency.add(latency)
        self.service.add(end - start)
        self.write.add(written - ready)
        self.wait.add(np.maximum(first - written, 0))
        self.read.add(end - first)
        self.size_bytes += int(size.sum())
        for one in np.unique(status).tolist():
            if one not in self.by_status and len(self.by_status) >= _MOST_STATUSES:
                one_key = OTHER_STATUSES
            else:
                one_key = one
            self.by_status.setdefault(one_key, Histogram()).add(latency[status == one])

    def fail(self, kind: str) -> None:
        """Count a request without an answer."""
        if kind not in self.errors and len(self.errors) >= _MOST_ERRORS:
            kind = OTHER_ERRORS
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def take_connections(self, other: Totals) -> None:
        """Add the connections that were made before what counts."""
        self.dial.merge(other.dial)
        self.tls.merge(other.tls)
        self.connections += other.connections

    def merge(self, other: Totals) -> None:
        """Add everything that another load came to."""
        for name in ("latency", "service", "wait", "read", "write", "dial", "tls", "late"):
            mine: Histogram = getattr(self, name)
            mine.merge(getattr(other, name))
        for status, histogram in other.by_status.items():
            self.by_status.setdefault(status, Histogram()).merge(histogram)
        for kind, count in other.errors.items():
            self.errors[kind] = self.errors.get(kind, 0) + count
        for name in ("size_bytes", "connections", "retries", "waited", "started"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
