"""Build a Profile from named frames: what every codec of a text or JSON format needs.

Strings, functions, locations and stacks are interned; samples with equal stacks and labels
are added up, so that memory follows the number of different stacks, not of samples. Stacks
are given leaf first. A codec that meets the same stack or labels often asks once for their
number (`stack`, `label_set`) and adds samples by it. Knows no file format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from whet.errors import FormatError
from whet.model.profile import Functions, Locations, Mappings, Profile, StringTable
from whet.model.sample_table import LabelRow, SampleTable

__all__ = ["NumberLabel", "ProfileBuilder", "TextLabel"]

_LARGEST = (1 << 63) - 1
TextLabel = tuple[str, str]
NumberLabel = tuple[str, int, str]
_Key = TypeVar("_Key", bound=tuple[int, ...])


@dataclass(slots=True)
class _Columns:
    """Growing columns: functions, then locations of at most one line each, then mappings."""

    function: list[tuple[int, int, int, int]]
    location: list[tuple[int, int, int, int, int]]
    mapping: list[tuple[int, int, int, int, int]]


class ProfileBuilder:
    """Collects samples; `build` makes the profile.

    Args:
        sample_types: [(type, unit)], one for each value of a sample.
        add_up: whether samples with equal stacks and labels become one.
    """

    def __init__(self, sample_types: Sequence[tuple[str, str]], *, add_up: bool = True) -> None:
        self._strings: dict[bytes, int] = {b"": 0}
        self._rows = _Columns([], [], [])
        self._functions: dict[tuple[int, int, int, int], int] = {}
        self._locations: dict[tuple[int, int, int, int, int], int] = {}
        self._mappings: dict[tuple[int, int, int, int, int], int] = {}
        self._types = list(sample_types)
        self._samples = SampleTable(len(self._types), add_up=add_up)
        self.stack, self.add = self._samples.stack, self._samples.add
        self.comments: list[str] = []
        self.period_type: tuple[str, str] | None = None
        self.period = 0
        self.time_nanos = 0
        self.duration_nanos = 0
        self.default_sample_type = ""
        self.doc_url = ""
        self.drop_frames = ""
        self.keep_frames = ""

    def __len__(self) -> int:
        return len(self._samples)

    def string(self, text: str) -> int:
        """Return the index of a string."""
        return self._strings.setdefault(_encoded(text), len(self._strings))

    def sample_type(self, kind: str, unit: str) -> int:
        """Return the column of a sample type; it is made, with zeros so far, when it is new."""
        if (kind, unit) not in self._types:
            self._types.append((kind, unit))
            self._samples.add_column()
        return self._types.index((kind, unit))

    def function(self, name: str, filename: str = "", start_line: int = 0, system_name: str = "") -> int:
        """Return the row of a function; it is made when it is new."""
        key = (self.string(name), self.string(system_name), self.string(filename), _number(start_line))
        return _row(self._functions, self._rows.function, key)

    def location(
        self, function: int, line: int = 0, column: int = 0, *, address: int = 0, mapping: int = -1
    ) -> int:
        """Return the row of a location; `function` -1 is one without a line."""
        key = (mapping, address, function, _number(line), _number(column))
        return _row(self._locations, self._rows.location, key)

    def frame(self, name: str, filename: str = "", line: int = 0, column: int = 0) -> int:
        """Return the row of a location in a function of this name and file."""
        return self.location(self.function(name, filename), line, column)

    def mapping(
        self, filename: str, start: int = 0, limit: int = 0, offset: int = 0, build_id: str = ""
    ) -> int:
        """Return the row of a mapped object."""
        key = (start, limit, offset, self.string(filename), self.string(build_id))
        return _row(self._mappings, self._rows.mapping, key)

    def label_set(self, labels: Sequence[TextLabel | NumberLabel]) -> int:
        """Return the number of a set of labels."""
        return self._samples.label_set(tuple([self._label(label) for label in labels]))

    def sample(
        self,
        stack: Iterable[int],
        values: Sequence[int],
        labels: Sequence[TextLabel | NumberLabel] = (),
    ) -> None:
        """Add a sample: location rows leaf first, one value a sample type, labels."""
        self.add(self.stack(stack), values, self.label_set(labels) if labels else 0)

    def build(self) -> Profile:
        """Return the profile.

        Raises:
            FormatError: a sum or number does not fit in 64 bits.
        """
        header = Profile(
            sample_type=[(self.string(kind), self.string(unit)) for kind, unit in self._types],
            samples=self._samples.build(),
            locations=self._build_locations(),
            functions=self._build_functions(),
            mappings=self._build_mappings(),
            drop_frames=self.string(self.drop_frames),
            keep_frames=self.string(self.keep_frames),
            time_nanos=_number(self.time_nanos),
            duration_nanos=_number(self.duration_nanos),
            period_type=self.period_type
            and (self.string(self.period_type[0]), self.string(self.period_type[1])),
            period=_number(self.period),
            comments=[self.string(comment) for comment in self.comments],
            default_sample_type=self.string(self.default_sample_type),
            doc_url=self.string(self.doc_url),
        )
        pieces = list(self._strings)
        start = np.zeros(len(pieces) + 1, np.int64)
        np.cumsum([len(piece) for piece in pieces], out=start[1:])
        return replace(header, strings=StringTable(np.frombuffer(b"".join(pieces), np.uint8), start))

    def _label(self, label: TextLabel | NumberLabel) -> LabelRow:
        if len(label) == 2:
            return self.string(label[0]), self.string(label[1]), 0, 0
        return self.string(label[0]), 0, _number(label[1]), self.string(label[2])

    def _build_functions(self) -> Functions:
        cells = np.array(self._rows.function, np.int64).reshape(-1, 4)
        name, system_name, filename = cells[:, :3].astype(np.int32).T.copy()
        return Functions(_ids(len(cells)), name, system_name, filename, cells[:, 3].copy())

    def _build_locations(self) -> Locations:
        rows = self._rows.location
        function = np.array([row[2] for row in rows], np.int32)
        has_line = function >= 0
        line_start = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(has_line, out=line_start[1:])
        return Locations(
            id=_ids(len(rows)),
            mapping=np.array([row[0] for row in rows], np.int32),
            address=np.array([row[1] for row in rows], np.uint64),
            is_folded=np.zeros(len(rows), np.bool_),
            line_start=line_start,
            line_function=function[has_line],
            line=np.array([row[3] for row in rows], np.int64)[has_line],
            column=np.array([row[4] for row in rows], np.int64)[has_line],
        )

    def _build_mappings(self) -> Mappings:
        cells = self._rows.mapping
        start, limit, offset = (np.array([row[i] for row in cells], np.uint64) for i in range(3))
        filename, build_id = (np.array([row[i] for row in cells], np.int32) for i in (3, 4))
        none = np.zeros(len(cells), np.bool_)
        ids = _ids(len(cells))
        return Mappings(
            ids, start, limit, offset, filename, build_id, none, none.copy(), none.copy(), none.copy()
        )


def _row(known: dict[_Key, int], rows: list[_Key], key: _Key) -> int:
    row = known.setdefault(key, len(rows))
    if row == len(rows):
        rows.append(key)
    return row


def _ids(count: int) -> npt.NDArray[np.uint64]:
    return np.arange(1, count + 1, dtype=np.uint64)


def _number(value: int) -> int:
    if not -_LARGEST - 1 <= value <= _LARGEST:
        raise FormatError(f"number {value:.3g} does not fit in 64 bits")
    return value


def _encoded(text: str) -> bytes:
    """Return UTF-8; halves of surrogate pairs, which JSON allows, become what Python writes for them."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
