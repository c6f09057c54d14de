"""Samples as they are collected: interned stacks, interned sets of labels, values in columns.

Memory follows the number of different stacks, not of samples: a stack is its rows packed into
bytes, equal samples are added up, nothing is kept as an object per sample. Knows numbers
only; what they mean is the builder's affair.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from whet.errors import FormatError
from whet.model.columns import take_rows
from whet.model.profile import Labels, Samples

__all__ = ["LabelRow", "SampleTable"]

I64 = npt.NDArray[np.int64]
LabelRow = tuple[int, int, int, int]

# A few bytes of a hostile file may stand for a stack of any depth; this bounds memory near 1 GB.
_MAX_FRAMES = 1 << 26
_FRAME_BYTES = array("i").itemsize
_LABEL_BITS = 32


class SampleTable:
    """Samples of stacks, sets of labels and one value a column.

    Args:
        width: number of value columns.
        add_up: whether samples with equal stacks and labels become one.
    """

    def __init__(self, width: int, *, add_up: bool) -> None:
        self._add_up = add_up
        self._stacks: dict[bytes, int] = {}  # the table is the storage, too
        self._bytes_left = _MAX_FRAMES * _FRAME_BYTES
        self._label_sets: dict[tuple[LabelRow, ...], int] = {(): 0}
        self._rows: dict[int, int] = {}
        self._stack, self._labels = array("i"), array("i")
        self._values = [array("q") for _ in range(width)]

    def __len__(self) -> int:
        return len(self._stack)

    def add_column(self) -> None:
        """Add a column of zeros."""
        self._values.append(array("q", bytes(8 * len(self))))

    def stack(self, rows: Iterable[int]) -> int:
        """Return the number of a stack of location rows, leaf first; it is kept when it is new.

        Raises:
            FormatError: all different stacks have more frames than any real file.
        """
        packed = array("i", rows).tobytes()
        number = self._stacks.get(packed)
        if number is None:
            self._bytes_left -= len(packed)
            if self._bytes_left < 0:
                raise FormatError(f"more than {_MAX_FRAMES} frames in different stacks")
            number = self._stacks[packed] = len(self._stacks)
        return number

    def label_set(self, labels: tuple[LabelRow, ...]) -> int:
        """Return the number of a set of labels: (key, text, number, unit) each."""
        return self._label_sets.setdefault(labels, len(self._label_sets))

    def add(self, stack: int, values: Sequence[int], label_set: int = 0) -> None:
        """Add a sample.

        Raises:
            FormatError: a value or a sum does not fit in 64 bits.
        """
        row = (
            self._rows.setdefault(stack << _LABEL_BITS | label_set, len(self)) if self._add_up else len(self)
        )
        try:
            if row < len(self):
                for column, value in zip(self._values, values, strict=True):
                    column[row] += value
                return
            for column, value in zip(self._values, values, strict=True):
                column.append(value)
        except OverflowError:
            raise FormatError("a value or a sum of values does not fit in 64 bits") from None
        self._stack.append(stack)
        self._labels.append(label_set)

    def build(self) -> Samples:
        """Return the samples in order of first appearance."""
        start, cells = self._stack_columns()
        numbers = np.array(self._stack, np.int32)
        if not np.array_equal(numbers, np.arange(len(start) - 1, dtype=np.int32)):
            start, positions = take_rows(start, numbers)
            cells = cells[positions]
        label_start, labels = self._label_columns()
        values = np.empty((len(self), len(self._values)), np.int64)
        for i, column in enumerate(self._values):
            values[:, i] = np.frombuffer(column, np.int64) if column else 0
        return Samples(start, cells, values, label_start, labels)

    def _stack_columns(self) -> tuple[I64, npt.NDArray[np.int32]]:
        start = np.zeros(len(self._stacks) + 1, np.int64)
        sizes = np.fromiter(map(len, self._stacks), np.int64, len(self._stacks))
        np.cumsum(sizes // _FRAME_BYTES, out=start[1:])
        return start, np.frombuffer(b"".join(self._stacks), np.int32)

    def _label_columns(self) -> tuple[I64, Labels]:
        sets = list(self._label_sets)
        set_start = np.zeros(len(sets) + 1, np.int64)
        np.cumsum([len(labels) for labels in sets], out=set_start[1:])
        start, positions = take_rows(set_start, np.array(self._labels, np.int32))
        cells = np.array(list(chain.from_iterable(sets)), np.int64).reshape(-1, 4)[positions]
        key, text, unit = (cells[:, column].astype(np.int32) for column in (0, 1, 3))
        return start, Labels(key, text, cells[:, 2].copy(), unit)
