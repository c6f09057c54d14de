"""Nodes: what one row of a report stands for.

A *slot* is a line of a location (a location without lines has one slot). Slots whose
attributes agree after the chosen granularity has blanked some of them are one node; this
is pprof's `Aggregate` followed by its grouping by `NodeInfo`. No values, no formatting
beyond a node's printable name, which decides the order of equal rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from whet.analyze.profile import names
from whet.analyze.profile.paths import clean_path, trimmed_path
from whet.model.profile import Profile

__all__ = ["Nodes", "Trim", "build_nodes", "slots"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_HAS_NAME = ("functions", "filefunctions", "lines", "addresses")
_HAS_FILE = ("filefunctions", "files", "lines", "addresses")
_HAS_LINE = ("lines", "addresses")

_LARGEST_CODE = 1 << 62

Trim = Callable[[str], str]


@dataclass(slots=False)
class Nodes:
    """The nodes of a profile, and which node each slot is.

    Attributes:
        slot_start: int64[locations + 1], CSR over the slots, innermost line first.
        slot_node: int32[slots].
        slot_function: int32[slots], rows of functions, -1 for a location without lines.
        first_slot: int64[nodes], a slot of each node: all of them have the same attributes.
        first_location: int64[nodes], the location of that slot.
    """

    profile: Profile
    granularity: str
    object_names: bool
    columns: bool
    trim: Trim | None
    slot_start: I64
    slot_node: I32
    slot_function: I32
    first_slot: I64
    first_location: I64
    _names: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.first_slot)

    @cached_property
    def has_inlines(self) -> bool:
        """Whether any location has more than one line."""
        return bool((np.diff(self.slot_start) > 1).any())

    @cached_property
    def function_names(self) -> list[str]:
        """The name that each node has at this granularity."""
        rows = self.slot_function[self.first_slot]
        if self.granularity not in _HAS_NAME:
            return [""] * len(self)
        return _texts(self.profile, np.append(self.profile.functions.name, np.int32(0))[rows])

    @cached_property
    def full_files(self) -> tuple[list[str], list[int]]:
        """The files of the nodes' functions, whatever the granularity, and which one each node has."""
        rows = self.slot_function[self.first_slot]
        indices = np.append(self.profile.functions.filename, np.int32(0))[rows]
        distinct, inverse = np.unique(indices, return_inverse=True)
        text = self.profile.strings.text
        return [_shown_file(text(index), self.trim) for index in distinct.tolist()], inverse.tolist()

    @cached_property
    def printable_names(self) -> list[str]:
        """The name of each node as reports print it."""
        if self.granularity != "filefunctions" or not all(self.function_names):
            return [self.printable_name(node) for node in range(len(self))]
        files, file = self.full_files
        names = zip(self.function_names, file, strict=True)
        return [f"{name} {files[row]}" if files[row] else name for name, row in names]

    def function(self, node: int) -> int:
        """Return the row of a function of the node, or -1."""
        return int(self.slot_function[self.first_slot[node]])

    def function_name(self, node: int) -> str:
        """Return the name the node has at this granularity."""
        row = self.function(node)
        if row < 0 or self.granularity not in _HAS_NAME:
            return ""
        return self.profile.strings.text(int(self.profile.functions.name[row]))

    def file(self, node: int) -> str:
        """Return the file the node has at this granularity."""
        return self.full_file(node) if self.granularity in _HAS_FILE else ""

    def full_file(self, node: int) -> str:
        """Return the file of the node's function, whatever the granularity."""
        row = self.function(node)
        return "" if row < 0 else self._file_text(row)

    def line(self, node: int) -> int:
        """Return the source line at this granularity, 0 if none."""
        return self._line_column(node)[0]

    def column(self, node: int) -> int:
        """Return the source column, 0 if none or not asked for."""
        return self._line_column(node)[1]

    def start_line(self, node: int) -> int:
        """Return the first line of the node's function, 0 if unknown."""
        row = self.function(node)
        return 0 if row < 0 else int(self.profile.functions.start_line[row])

    def address(self, node: int) -> int:
        """Return the address at this granularity, 0 if none."""
        if self.granularity != "addresses":
            return 0
        return int(self.profile.locations.address[self.first_location[node]])

    def object_file(self, node: int) -> str:
        """Return the file of the mapping where it tells nodes apart, else ''."""
        if not (self.object_names or not self.function_name(node)):
            return ""
        return _object_text(self.profile, int(self.first_location[node]))

    def object_key(self, node: int) -> int:
        """Return a number that is the same for nodes of one object file, where that counts."""
        if not (self.object_names or not self.function_name(node)):
            return -1
        mapping = int(self.profile.locations.mapping[self.first_location[node]])
        return -1 if mapping < 0 else int(self.profile.mappings.filename[mapping])

    def node_start_line(self, node: int) -> int:
        """Return the start line where it tells nodes apart, else 0."""
        return self.start_line(node) if self.object_names or not self.function_name(node) else 0

    def printable_name(self, node: int) -> str:
        """Return the node's name as reports print it."""
        name = self._names.get(node)
        if name is None:
            name = self._names[node] = self._printable_name(node)
        return name

    def sort_key(self, node: int) -> tuple[bytes, bytes]:
        """Return what orders rows of equal value: the name, then all attributes."""
        line, column = self._line_column(node)
        return names.sort_key(
            self.function_name(node),
            file=self.file(node),
            start_line=self.node_start_line(node),
            line=line,
            column=column,
            address=self.address(node),
            object_file=self.object_file(node),
        )

    def _file_text(self, function: int) -> str:
        return _shown_file(
            self.profile.strings.text(int(self.profile.functions.filename[function])), self.trim
        )

    def _line_column(self, node: int) -> tuple[int, int]:
        if self.granularity not in _HAS_LINE or self.function(node) < 0:
            return 0, 0
        locations, location = self.profile.locations, self.first_location[node]
        row = locations.line_start[location] + self.first_slot[node] - self.slot_start[location]
        column = int(locations.column[row]) if self.columns else 0
        return int(locations.line[row]), column

    def _printable_name(self, node: int) -> str:
        return " ".join(self.name_parts(node, name=self.function_name(node), file=self.file(node)))

    def name_parts(self, node: int, *, name: str, file: str) -> list[str]:
        """Return the parts of the node's printable name, given texts for function and file."""
        line, column = self._line_column(node)
        object_file = "" if name else self.object_file(node)
        return names.name_parts(
            name, file=file, line=line, column=column, address=self.address(node), object_file=object_file
        )


def build_nodes(
    profile: Profile,
    granularity: str,
    *,
    object_names: bool = False,
    columns: bool = False,
    trim: Trim | None = trimmed_path,
) -> Nodes:
    """Group the slots of a profile into nodes.

    `granularity` is functions, filefunctions, files, lines or addresses; `object_names`
    keeps functions of different mappings apart; `columns` keeps columns of a line apart, as
    addresses always do; `trim` takes prefixes off file names.
    """
    columns = granularity == "addresses" or (columns and granularity == "lines")
    slot_start, slot_line = slots(profile)
    locations = profile.locations
    slot_location = np.repeat(np.arange(len(locations), dtype=np.int64), np.diff(slot_start))
    functions = np.append(locations.line_function, np.int32(-1))[slot_line]
    keys = _keys(profile, granularity, object_names, slot_line, slot_location, functions, columns, trim)
    node, first = _group(keys, len(slot_location))
    return Nodes(
        profile,
        granularity,
        object_names,
        columns,
        trim,
        slot_start,
        node,
        functions,
        first,
        slot_location[first],
    )


def slots(profile: Profile) -> tuple[I64, I64]:
    """Return the CSR starts of slots and the line row of each, the last (-1) where it has none."""
    line_start = profile.locations.line_start
    counts = np.diff(line_start)
    empty = counts == 0
    if not empty.any():
        return line_start, np.arange(len(profile.locations.line), dtype=np.int64)
    start = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(np.maximum(counts, 1), out=start[1:])
    line = np.full(int(start[-1]), -1, np.int64)
    filled = np.repeat(~empty, np.maximum(counts, 1))
    line[filled] = np.arange(len(profile.locations.line), dtype=np.int64)
    return start, line


def _keys(
    profile: Profile,
    granularity: str,
    object_names: bool,
    slot_line: I64,
    slot_location: I64,
    functions: I32,
    columns: bool,
    trim: Trim | None,
) -> list[I64]:
    """Return the columns that tell nodes apart; equal texts have equal values."""
    locations, table = profile.locations, profile.functions
    named = granularity in _HAS_NAME
    keys: list[I64] = []
    name = _per_function(profile, table.name, functions) if named else None
    if name is not None:
        keys.append(name)
    if granularity in _HAS_FILE:
        keys.append(_file_keys(profile, functions, trim))
    if granularity in _HAS_LINE:
        keys.append(np.append(locations.line, 0)[slot_line])
    if columns:
        keys.append(np.append(locations.column, 0)[slot_line])
    if granularity == "addresses":
        keys.append(locations.address.view(np.int64)[slot_location])
    nameless = np.ones(len(functions), bool) if name is None else name <= 0
    apart = nameless | object_names
    if apart.any():
        mapping = np.append(profile.mappings.filename, 0)[locations.mapping]
        keys.append(np.where(apart, _canonical(profile, mapping)[slot_location], -1))
        start_line = np.append(table.start_line, 0)[functions]
        keys.append(np.where(apart, start_line, -1))
    return keys


def _per_function(profile: Profile, strings: I32, functions: I32) -> I64:
    values = np.append(_canonical(profile, strings), 0)
    result: I64 = values[functions]
    return result


def _canonical(profile: Profile, indices: I32) -> I64:
    """Replace string indices by one index per distinct text."""
    distinct, inverse = np.unique(indices, return_inverse=True)
    data, start = profile.strings.blob.tobytes(), profile.strings.start
    first: dict[bytes, int] = {b"": 0}
    starts, ends = start[distinct].tolist(), start[distinct + 1].tolist()
    canonical = [
        first.setdefault(data[a:b], index)
        for index, a, b in zip(distinct.tolist(), starts, ends, strict=True)
    ]
    result: I64 = np.asarray(canonical, np.int64)[inverse]
    return result


def _file_keys(profile: Profile, functions: I32, trim: Trim | None) -> I64:
    table = profile.functions
    distinct, inverse = np.unique(table.filename, return_inverse=True)
    codes = {"": 0}
    code = [
        codes.setdefault(_shown_file(profile.strings.text(i), trim), len(codes)) for i in distinct.tolist()
    ]
    values = np.append(np.asarray(code, np.int64)[inverse], 0)
    result: I64 = values[functions]
    return result


def _group(keys: list[I64], size: int) -> tuple[I32, I64]:
    """Number the distinct rows of the key columns; return each row's number and first rows."""
    code: I64 = np.zeros(size, np.int64)
    codes = 1  # every code is below it
    for key in keys:
        if not size or key.min() == key.max():
            continue
        least, span = int(key.min()), int(key.max()) - int(key.min()) + 1
        if codes * span >= _LARGEST_CODE:
            key, least = np.unique(key, return_inverse=True)[1], 0
            code = np.unique(code, return_inverse=True)[1]
            # Both factors are below the number of slots, so the product fits.
            codes, span = size, size
        code = code * span + (key - least)
        codes *= span
    _, first, node = np.unique(code, return_index=True, return_inverse=True)
    return node.astype(np.int32), first


def _texts(profile: Profile, indices: I32) -> list[str]:
    """Return the texts of string indices; each is decoded once."""
    distinct, inverse = np.unique(indices, return_inverse=True)
    data, start = profile.strings.blob.tobytes(), profile.strings.start
    places = zip(start[distinct].tolist(), start[distinct + 1].tolist(), strict=True)
    texts = [data[a:b].decode("utf-8", "surrogateescape") for a, b in places]
    return [texts[row] for row in inverse.tolist()]


def _shown_file(text: str, trim: Trim | None) -> str:
    return clean_path(trim(text) if trim else text)


def _object_text(profile: Profile, location: int) -> str:
    mapping = int(profile.locations.mapping[location])
    return "" if mapping < 0 else profile.strings.text(int(profile.mappings.filename[mapping]))
