"""A profile digested for a table of functions: the twin and oracle of native/codec/digest.

A digest answers in plain Python numbers, bytes and tuples. Its nodes are those of granularity
`functions`: functions of one name are one node; what has no name is told apart by the file of
its mapping and by the first line of the function. Sums wrap around like int64.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from whet.kernels.reference.pprof import Columns, decode
from whet.kernels.reference.stacks import edge_sums, flat_cum

__all__ = ["Digest", "NodeSums", "digest", "node_sums"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
# (name, and where there is none: file of the mapping, first line of the function)
Node = tuple[bytes, bytes, int]
_MARKS = re.compile(rb"[<>\[\]]|::")


def digest(blocks: Iterable[bytes]) -> Digest:
    """Decode a profile and digest it.

    Raises:
        FormatError: the message is malformed or inconsistent.
    """
    return Digest(decode(blocks))


class Digest:
    """A decoded profile that answers what it says about itself.

    Attributes:
        columns: of the profile.
        has_inlines: whether any location has more than one line.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.has_inlines = any(b - a > 1 for a, b in pairwise(columns["locations.line_start"].tolist()))

    def facts(self) -> dict[str, Any]:
        """Return what the profile says about itself; all texts as bytes."""
        columns, text = self.columns, self.text
        has_main = len(columns["mappings.id"]) > 0
        period_type, names = columns["period_type"], columns["functions.name"]
        return {
            "sample_type": [(text(t), text(u)) for t, u in columns["sample_type"]],
            "file": text(columns["mappings.filename"][0]) if has_main else b"",
            "build_id": text(columns["mappings.build_id"][0]) if has_main else b"",
            "comments": [text(c) for c in columns["comments"]],
            "period_type": None if period_type is None else tuple(map(text, period_type)),
            "samples": len(columns["samples.stack_start"]) - 1,
            "mappings": len(columns["mappings.id"]),
            "nameless": bool(((names == 0) & (columns["functions.system_name"] != 0)).any()),
            "bare": self._has_bare(),
            "linker_names": [text(n) for n in self._linker_names()],
            **{name: columns[name] for name in ("time_nanos", "duration_nanos", "period")},
            **{name: text(columns[name]) for name in ("default_sample_type", "doc_url", "drop_frames")},
        }

    def _has_bare(self) -> bool:
        """Tell whether there is a location without lines that nobody has looked up names for."""
        columns = self.columns
        bare = np.flatnonzero(np.diff(columns["locations.line_start"]) == 0)
        mapping = columns["locations.mapping"][bare]
        flags = [columns[f"mappings.has_{what}"] for what in ("functions", "filenames", "line_numbers")]
        return any(not any(flag[row] for flag in flags) for row in mapping[mapping >= 0].tolist())

    def label_keys(self) -> list[bytes]:
        """Return the distinct keys of labels."""
        return [self.text(key) for key in dict.fromkeys(self.columns["samples.labels.key"].tolist())]

    def text(self, string: int) -> bytes:
        """Return a string."""
        start = self.columns["strings.start"]
        text: bytes = self.columns["strings.blob"][start[string] : start[string + 1]].tobytes()
        return text

    def nodes_of(self, location: int) -> list[Node]:
        """Return the nodes of a location, innermost first."""
        columns = self.columns
        mapping = int(columns["locations.mapping"][location])
        file = b"" if mapping < 0 else self.text(columns["mappings.filename"][mapping])
        first, end = columns["locations.line_start"][location : location + 2]
        found = []
        for row in columns["locations.line_function"][first:end]:
            text = self.text(columns["functions.name"][row] or columns["functions.system_name"][row])
            start_line = int(columns["functions.start_line"][row])
            found.append((text, b"", 0) if text else (b"", file, start_line))
        return found or [(b"", file, 0)]

    def _linker_names(self) -> list[int]:
        """Return the names of functions that may have a simpler form."""
        name, system_name = self.columns["functions.name"], self.columns["functions.system_name"]
        candidates = dict.fromkeys(system_name[(name == 0) | (name == system_name)].tolist())
        return [name for name in candidates if _MARKS.search(self.text(name))]


def node_sums(digests: list[Digest], negative: list[bool], column: int) -> NodeSums:
    """Sum up one value column of digests by node; those that are `negative` are subtracted."""
    return NodeSums(digests, negative, column)


class NodeSums:
    """One value column of one or several digests, summed up by node.

    Attributes:
        totals: of each digest, the sum of absolute values, and whether values add up: none is below
            0 and a double holds their sum, so that uniting samples changes nothing.
        label_keys: the distinct keys of labels.
        flat_total: the sum of all flat values.
        present: how many nodes have any value.
        has_nameless: whether any node has no name.
    """

    def __init__(self, digests: list[Digest], negative: list[bool], column: int) -> None:
        if any(not 0 <= column < len(digest.columns["sample_type"]) for digest in digests):
            raise IndexError("no such value column")
        self._digests = digests
        numbers: dict[Node, int] = {}
        self._slots = [_slots(digest, numbers) for digest in digests]
        self._nodes = list(numbers)
        self._values = [
            np.ascontiguousarray(d.columns["samples.values"][:, column]) * np.int64(-1 if minus else 1)
            for d, minus in zip(digests, negative, strict=True)
        ]
        self._flat: I64 = np.zeros(len(numbers), np.int64)
        self._cum: I64 = np.zeros(len(numbers), np.int64)
        for source, (_, slots) in enumerate(self._slots):
            flat, cum = flat_cum(*self._stacks(source, slots))
            self._flat += flat
            self._cum += cum
        self.totals = [
            _total(v * np.int64(-1 if minus else 1)) for v, minus in zip(self._values, negative, strict=True)
        ]
        self.label_keys = list(dict.fromkeys(key for digest in digests for key in digest.label_keys()))
        self.flat_total = int(self._flat.sum())
        self.present = int(((self._flat != 0) | (self._cum != 0)).sum())
        self.has_nameless = any(not name for name, _, _ in self._nodes)

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
        weight: dict[tuple[int, int], int] = {}
        inline: dict[tuple[int, int], bool] = {}
        for source, (_, slots) in enumerate(self._slots):
            nodes = np.where(is_shown[slots], slots, np.int32(-1)) if trimmed else slots
            edges = edge_sums(*self._stacks(source, nodes), self._values[source] != 0)
            for caller, callee, value, _, inlined in zip(*(c.tolist() for c in edges), strict=True):
                weight[caller, callee] = _wrapped(weight.get((caller, callee), 0) + value)
                inline[caller, callee] = inline.get((caller, callee), True) and inlined
        return [
            (edge[1], inline[edge])
            for edge, value in sorted(weight.items())
            if is_shown[edge[1]] and _magnitude(value) >= cutoff
        ]

    def _stacks(self, source: int, nodes: I32) -> tuple[I64, I32, I64, I32, I64, int]:
        columns = self._digests[source].columns
        stacks = columns["samples.stack_start"], columns["samples.stack"]
        return *stacks, self._slots[source][0], nodes, self._values[source], len(self._nodes)


def _slots(digest: Digest, numbers: dict[Node, int]) -> tuple[I64, I32]:
    """Return the nodes of all locations in CSR form, numbering those that are new."""
    slots, starts = [], [0]
    for location in range(len(digest.columns["locations.id"])):
        slots += [numbers.setdefault(node, len(numbers)) for node in digest.nodes_of(location)]
        starts.append(len(slots))
    return np.array(starts, np.int64), np.array(slots, np.int32)


def _total(values: I64) -> tuple[int, bool]:
    adds_up = bool((values >= 0).all()) and sum(values.tolist()) <= 1 << 53
    return int(np.abs(values).sum()), adds_up


def _wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _magnitude(value: int) -> int:
    return value if value == -1 << 63 else abs(value)
