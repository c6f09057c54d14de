"""Operations on columns that every change of a profile's rows needs: taking rows, joining tables.

Plain array work; nothing here knows what a column means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from whet import kernels

__all__ = ["concatenated_start", "first_appearance", "groups_of", "take_rows", "words"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def take_rows(start: I64, rows: npt.NDArray[Any]) -> tuple[I64, I64]:
    """Return the CSR starts of the chosen rows, and the positions of their elements."""
    counts = (start[1:] - start[:-1])[rows]
    taken = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(counts, out=taken[1:])
    positions = np.arange(taken[-1]) + np.repeat(start[:-1][rows] - taken[:-1], counts)
    return taken, positions


def concatenated_start(starts: Sequence[I64]) -> I64:
    """Join the CSR starts of tables that are put one after the other."""
    pieces, base = [np.zeros(1, np.int64)], 0
    for start in starts:
        pieces.append(start[1:] + base)
        base += int(start[-1])
    return np.concatenate(pieces)


def first_appearance(keys: npt.NDArray[Any], count: int) -> tuple[I64, I64]:
    """Return the keys (0 .. count - 1) in order of first appearance, and where that is."""
    first = np.full(count, -1, np.int64)
    # Of several assignments to one element the last one stays: here, the first appearance.
    first[keys[::-1]] = np.arange(len(keys) - 1, -1, -1)
    present = np.flatnonzero(first >= 0)
    order = present[np.argsort(first[present], kind="stable")]
    return order, first[order]


def words(column: npt.NDArray[Any]) -> I32:
    """Return a 64-bit column as int32[n, 2], a 32-bit or bool column as int32[n, 1]."""
    if column.dtype.itemsize == 8:
        return np.ascontiguousarray(column).view(np.int32).reshape(-1, 2)
    return column.astype(np.int32).reshape(-1, 1)


def groups_of(*columns: npt.NDArray[Any]) -> I32:
    """Number the rows of a table, equal rows alike, in order of first appearance."""
    cells = np.concatenate([words(c) for c in columns], axis=1)
    start = np.arange(len(cells) + 1, dtype=np.int64) * cells.shape[1]
    return kernels.row_groups(start, cells.ravel())
