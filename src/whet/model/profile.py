"""The Profile: profile.proto in columns.

One neutral record that every collector and codec produces and every report reads. It holds
the whole message (specification: github.com/google/pprof, proto/profile.proto), nothing
more: no totals, no graphs, no formatting. Those belong to `analyze` and `render`.

Rows are referred to by *row number* (position in their table), never by the ids of the wire
format; the ids are kept in `id` columns so that a profile can be written back unchanged.
-1 in a row-number column means "none". String columns hold indices into `strings`.

Variable-length parts are in CSR form: the elements of row i of `x` are
`x[x_start[i]:x_start[i + 1]]`. Stacks are leaf first and a location's lines innermost
inlined call first, as in profile.proto.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = [
    "Functions",
    "Labels",
    "Locations",
    "Mappings",
    "Profile",
    "Samples",
    "StringTable",
]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


def _i32(size: int = 0) -> I32:
    return np.zeros(size, np.int32)


def _i64(size: int = 0) -> I64:
    return np.zeros(size, np.int64)


def _u64(size: int = 0) -> U64:
    return np.zeros(size, np.uint64)


def _flags(size: int = 0) -> Flags:
    return np.zeros(size, np.bool_)


@dataclass(slots=True)
class StringTable:
    """All strings of a profile as one byte blob, so that a table of 10^6 strings is two arrays.

    Attributes:
        blob: uint8[bytes], the strings one after the other. Bytes that are not UTF-8 are
            kept as they are and shown through `surrogateescape`.
        start: int64[n + 1], where string i begins; string 0 is always the empty one.
    """

    blob: U8 = field(default_factory=lambda: np.zeros(0, np.uint8))
    start: I64 = field(default_factory=lambda: _i64(2))

    @classmethod
    def from_texts(cls, texts: list[str]) -> StringTable:
        """Build a table from texts; the first must be ''."""
        pieces = [t.encode("utf-8", "surrogateescape") for t in texts]
        start = np.zeros(len(pieces) + 1, np.int64)
        np.cumsum([len(p) for p in pieces], out=start[1:])
        return cls(np.frombuffer(b"".join(pieces), np.uint8), start)

    def __len__(self) -> int:
        return len(self.start) - 1

    def raw(self, index: int) -> bytes:
        """Return the bytes of string `index`."""
        return self.blob[self.start[index] : self.start[index + 1]].tobytes()

    def text(self, index: int) -> str:
        """Return string `index` as text."""
        return self.raw(index).decode("utf-8", "surrogateescape")

    def texts(self) -> list[str]:
        """Return all strings, in order."""
        data = self.blob.tobytes()
        ends = self.start.tolist()
        return [data[a:b].decode("utf-8", "surrogateescape") for a, b in pairwise(ends)]


@dataclass(slots=True)
class Labels:
    """Labels of all samples, in CSR form over the samples (`Samples.label_start`).

    A label is a string label where `text != 0`, else a numeric one (`number`, `unit`).
    """

    key: I32 = field(default_factory=_i32)
    text: I32 = field(default_factory=_i32)
    number: I64 = field(default_factory=_i64)
    unit: I32 = field(default_factory=_i32)

    def __len__(self) -> int:
        return len(self.key)


@dataclass(slots=True)
class Samples:
    """n samples of t values each.

    Attributes:
        stack_start: int64[n + 1], CSR over `stack`.
        stack: int32[frames], rows of `Locations`, leaf first.
        values: int64[n, t].
        label_start: int64[n + 1], CSR over `labels`.
        labels: the labels of all samples.
    """

    stack_start: I64 = field(default_factory=lambda: _i64(1))
    stack: I32 = field(default_factory=_i32)
    values: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    label_start: I64 = field(default_factory=lambda: _i64(1))
    labels: Labels = field(default_factory=Labels)

    def __len__(self) -> int:
        return len(self.stack_start) - 1


@dataclass(slots=True)
class Locations:
    """Places in the program.

    Attributes:
        id: uint64[n], as on the wire; unique and not 0.
        mapping: int32[n], rows of `Mappings` or -1.
        address: uint64[n].
        is_folded: bool[n].
        line_start: int64[n + 1], CSR over the three line columns.
        line_function: int32[lines], rows of `Functions`.
        line: int64[lines], source line numbers.
        column: int64[lines], source columns, 0 where unknown.
    """

    id: U64 = field(default_factory=_u64)
    mapping: I32 = field(default_factory=_i32)
    address: U64 = field(default_factory=_u64)
    is_folded: Flags = field(default_factory=_flags)
    line_start: I64 = field(default_factory=lambda: _i64(1))
    line_function: I32 = field(default_factory=_i32)
    line: I64 = field(default_factory=_i64)
    column: I64 = field(default_factory=_i64)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(slots=True)
class Functions:
    """Functions: id uint64[n]; name, system_name, filename string indices; start_line int64[n]."""

    id: U64 = field(default_factory=_u64)
    name: I32 = field(default_factory=_i32)
    system_name: I32 = field(default_factory=_i32)
    filename: I32 = field(default_factory=_i32)
    start_line: I64 = field(default_factory=_i64)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(slots=True)
class Mappings:
    """Mapped objects; row 0 is the main binary."""

    id: U64 = field(default_factory=_u64)
    memory_start: U64 = field(default_factory=_u64)
    memory_limit: U64 = field(default_factory=_u64)
    file_offset: U64 = field(default_factory=_u64)
    filename: I32 = field(default_factory=_i32)
    build_id: I32 = field(default_factory=_i32)
    has_functions: Flags = field(default_factory=_flags)
    has_filenames: Flags = field(default_factory=_flags)
    has_line_numbers: Flags = field(default_factory=_flags)
    has_inline_frames: Flags = field(default_factory=_flags)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(slots=True)
class Profile:
    """One profile. Equality compares every column (`profiles_equal`).

    Attributes:
        sample_type: [(type, unit)] string indices, one pair a value column.
        period_type: (type, unit) string indices, or None where the field is absent.
        comments: string indices.
        drop_frames, keep_frames, default_sample_type, doc_url: string indices, 0 = absent.
        time_nanos: collection time, ns since the epoch; 0 = unknown.
        duration_nanos: wall-clock duration in ns.
        period: events between samples, in units of `period_type`.
    """

    strings: StringTable = field(default_factory=StringTable)
    sample_type: list[tuple[int, int]] = field(default_factory=list)
    samples: Samples = field(default_factory=Samples)
    mappings: Mappings = field(default_factory=Mappings)
    locations: Locations = field(default_factory=Locations)
    functions: Functions = field(default_factory=Functions)
    drop_frames: int = 0
    keep_frames: int = 0
    time_nanos: int = 0
    duration_nanos: int = 0
    period_type: tuple[int, int] | None = None
    period: int = 0
    comments: list[int] = field(default_factory=list)
    default_sample_type: int = 0
    doc_url: int = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profile):
            return NotImplemented
        return _equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    def sample_type_names(self) -> list[tuple[str, str]]:
        """Return [(type, unit)] as texts."""
        return [(self.strings.text(t), self.strings.text(u)) for t, u in self.sample_type]

    def comment_texts(self) -> list[str]:
        """Return the comments as texts."""
        return [self.strings.text(c) for c in self.comments]


def _equal(a: object, b: object) -> bool:
    """Compare two column records field by field; arrays by dtype, shape and content."""
    for f in fields(a):  # type: ignore[arg-type]
        x, y = getattr(a, f.name), getattr(b, f.name)
        if isinstance(x, np.ndarray):
            if x.dtype != y.dtype or x.shape != y.shape or not np.array_equal(x, y):
                return False
        elif hasattr(x, "__dataclass_fields__"):
            if not _equal(x, y):
                return False
        elif x != y:
            return False
    return True
