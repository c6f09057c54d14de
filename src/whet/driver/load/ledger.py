"""Where a load is written down while it runs: in blocks of some thousand rows, so that counting costs little.

The hot path only makes a list longer; sums and histograms are made of whole blocks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from whet.analyze.load.totals import Column, Totals, as_block
from whet.driver.load.dial import Dialed

__all__ = ["Ledger", "Sink"]

_BLOCK_ROWS = 4096
_BLOCK_VALUES = _BLOCK_ROWS * len(Column)
Sink = Callable[[npt.NDArray[np.int64]], None]


class Ledger:
    """Takes what workers have to say.

    Attributes:
        totals: of all blocks so far.
        rows: values of `Column`, row after row, that are in no block yet.
        problem: what the sink has raised; it gets nothing more.
        pull: called before anything is summed up; who counts elsewhere brings it by `take`.
    """

    def __init__(self, totals: Totals, sink: Sink | None = None) -> None:
        """Args: sink is given every block, too."""
        self.totals = totals
        self.rows: list[int] = []
        self.problem: Exception | None = None
        self.pull: Callable[[], None] = lambda: None
        self._sink = sink
        self._late: list[int] = []

    def answered(self) -> None:
        """Take that `rows` has become longer."""
        if len(self.rows) >= _BLOCK_VALUES:
            self.flush()

    def flush(self) -> None:
        """Sum up what is still waiting."""
        self.pull()
        rows, late = as_block(self.rows), np.array(self._late, np.int64)
        self.rows.clear()
        self._late.clear()
        self.take(rows, late)

    def take(self, block: npt.NDArray[np.int64], late_ns: npt.NDArray[np.int64]) -> None:
        """Sum up answers, int64[n, 8], and how late starts were, int64[m]."""
        self.totals.late.add(late_ns)
        if len(block):
            self.totals.add(block)
            if self._sink and not self.problem:
                try:
                    self._sink(block)
                except Exception as error:  # noqa: BLE001 (an event loop would only log it; the crew raises it)
                    self.problem = error

    def failed(self, reason: str) -> None:
        """Count a request without an answer."""
        self.totals.fail(reason)

    def dialed(self, dialed: Dialed) -> None:
        """Count a connection that was made."""
        self.totals.connections += 1
        self.totals.dial.add(np.array([dialed.dial_ns], np.int64))
        if dialed.tls_ns:
            self.totals.tls.add(np.array([dialed.tls_ns], np.int64))

    def retried(self) -> None:
        """Count a request that was sent again."""
        self.totals.retries += 1

    def late(self, late_ns: int) -> None:
        """Count a start for which a worker was free, and how late it was."""
        self._late.append(late_ns)
        if len(self._late) >= _BLOCK_ROWS:
            self.flush()
