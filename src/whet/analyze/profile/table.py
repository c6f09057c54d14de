"""The face that tables of nodes show to `render`, however they were computed.

`report.Report` with `graph.Graph` and `digest.DigestReport` with `digest.DigestTable` have it.
Types only.
"""

from __future__ import annotations

from typing import Any, Protocol

from whet.analyze.profile.config import Config
from whet.analyze.profile.header import Header

__all__ = ["Column", "ReportFace", "TableFace"]


class Column(Protocol):
    """A value of each node."""

    def __getitem__(self, node: int, /) -> Any: ...


class ReportFace(Protocol):
    """What a report is about."""

    config: Config
    header: Header
    divisor: int

    @property
    def total(self) -> int: ...

    def scaled(self, value: int) -> int:
        """Return a value divided as `divide_by` says."""


class TableFace(Protocol):
    """The rows of a report; attributes are those of `graph.Graph`."""

    order: list[int]
    node_count: int
    dropped: int

    @property
    def flat(self) -> Column: ...
    @property
    def shown(self) -> int: ...
    @property
    def shown_sum(self) -> int: ...

    def flat_value(self, node: int) -> int:
        """Return the node's own value, or its mean."""

    def cum_value(self, node: int) -> int:
        """Return the node's cumulative value, or its mean."""

    def name(self, node: int) -> str:
        """Return a node's name as reports print it."""

    def inlined(self) -> dict[int, tuple[bool, bool]]:
        """Tell for each node whether calls of it were inlined, and whether calls were not."""
