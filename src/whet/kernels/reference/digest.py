"""A profile digested for a table of functions: the twin and oracle of native/codec/digest.

A digest answers in plain Python numbers, bytes and tuples. Its nodes are those of granularity
`functions`: functions of one name are one node; what has no name is told apart by the file of
its mapping and by the first line of the function. Sums wrap around like int64.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from whet.kernels.reference.pprof import Columns, decode
from whet.kernels.reference.stacks import edge_sums, flat_cum

__all__ = ["Digest", "digest"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
# (name, and where there is none: file of the mapping, first line of the function)
Node = tuple[bytes, bytes, int]


def digest(blocks: Iterable[bytes]) -> Digest:
    """Decode a profile and digest it.

    Raises:
        FormatError: the message is malformed or inconsistent.
    """
    return Digest(decode(blocks))


class Digest:
    """What a table of functions asks about a profile.

    Attributes:
        has_inlines: whether any location has more than one line.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        line_start = columns["locations.line_start"].tolist()
        self.has_inlines = any(b - a > 1 for a, b in pairwise(line_start))
        nodes: dict[Node, int] = {}
        self._nodes: list[Node] = []
        slots, starts = [], [0]
        for location in range(len(line_start) - 1):
            for node in self._nodes_of(location, line_start):
                slots.append(nodes.setdefault(node, len(nodes)))
                if len(nodes) > len(self._nodes):
                    self._nodes.append(node)
            starts.append(len(slots))
        self._slot_start = np.array(starts, np.int64)
        self._slot_node = np.array(slots, np.int32)
        self._values: I64 = np.zeros(0, np.int64)
        self._flat: I64 = np.zeros(len(nodes), np.int64)
        self._cum: I64 = np.zeros(len(nodes), np.int64)

    def facts(self) -> dict[str, Any]:
        """Return what the profile says about itself; all texts as bytes."""
        columns, text = self._columns, self._text
        has_main = len(columns["mappings.id"]) > 0
        period_type = columns["period_type"]
        return {
            "sample_type": [(text(t), text(u)) for t, u in columns["sample_type"]],
            "file": text(columns["mappings.filename"][0]) if has_main else b"",
            "build_id": text(columns["mappings.build_id"][0]) if has_main else b"",
            "comments": [text(c) for c in columns["comments"]],
            "period_type": None if period_type is None else tuple(map(text, period_type)),
            "samples": len(columns["samples.stack_start"]) - 1,
            "label_keys": [text(k) for k in dict.fromkeys(columns["samples.labels.key"].tolist())],
            "linker_names": [text(n) for n in self._linker_names()],
            **{name: columns[name] for name in ("time_nanos", "duration_nanos", "period")},
            **{name: text(columns[name]) for name in ("default_sample_type", "doc_url", "drop_frames")},
        }

    def sum(self, column: int) -> tuple[int, int, int]:
        """Choose a value column and sum it up.

        Returns:
            The sum of absolute values, the sum of all flat values, the number of nodes that have
            a value.
        """
        columns = self._columns
        if not 0 <= column < len(columns["sample_type"]):
            raise ValueError("no such value column")
        self._values = np.ascontiguousarray(columns["samples.values"][:, column])
        self._flat, self._cum = flat_cum(*self._stacks(self._slot_node))
        present = int(((self._flat != 0) | (self._cum != 0)).sum())
        return int(np.abs(self._values).sum()), int(self._flat.sum()), present

    def rows(self, cutoff: int) -> list[tuple[int, int, int]]:
        """Return (node, flat, cum) where |cum| reaches the cut-off; below 1 it cuts nothing."""
        kept = (self._flat != 0) | (self._cum != 0)
        if cutoff >= 1:
            kept &= np.abs(self._cum) >= cutoff
        found = np.flatnonzero(kept)
        columns = (found, self._flat[found], self._cum[found])
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def node(self, number: int) -> Node:
        """Return what makes a node."""
        if not 0 <= number < len(self._nodes):
            raise IndexError("no such node")
        return self._nodes[number]

    def calls(self, shown: list[int], trimmed: bool, cutoff: int) -> list[tuple[int, bool]]:
        """Return (callee, was it always inlined) of calls between shown nodes.

        Only those with a weight of at least the cut-off. Where `trimmed`, calls run over the
        nodes that are not shown.
        """
        is_shown = np.zeros(len(self._nodes), np.bool_)
        is_shown[shown] = True
        nodes = self._slot_node
        if trimmed:
            nodes = np.where(is_shown[nodes], nodes, np.int32(-1))
        edges = edge_sums(*self._stacks(nodes), self._values != 0)
        heavy = is_shown[edges.callee] & (np.abs(edges.weight) >= cutoff)
        return list(zip(edges.callee[heavy].tolist(), edges.inline[heavy].tolist(), strict=True))

    def _stacks(self, nodes: I32) -> tuple[I64, I32, I64, I32, I64, int]:
        columns = self._columns
        stacks = columns["samples.stack_start"], columns["samples.stack"]
        return *stacks, self._slot_start, nodes, self._values, len(self._nodes)

    def _text(self, string: int) -> bytes:
        start = self._columns["strings.start"]
        text: bytes = self._columns["strings.blob"][start[string] : start[string + 1]].tobytes()
        return text

    def _nodes_of(self, location: int, line_start: list[int]) -> list[Node]:
        columns = self._columns
        mapping = int(columns["locations.mapping"][location])
        file = b"" if mapping < 0 else self._text(columns["mappings.filename"][mapping])
        found = []
        for row in columns["locations.line_function"][line_start[location] : line_start[location + 1]]:
            name = columns["functions.name"][row] or columns["functions.system_name"][row]
            text = self._text(name)
            start_line = int(columns["functions.start_line"][row])
            found.append((text, b"", 0) if text else (b"", file, start_line))
        return found or [(b"", file, 0)]

    def _linker_names(self) -> list[int]:
        name, system_name = self._columns["functions.name"], self._columns["functions.system_name"]
        return list(dict.fromkeys(system_name[(name == 0) | (name == system_name)].tolist()))
