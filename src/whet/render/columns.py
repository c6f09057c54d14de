"""Columns of integers and tables of names as the page reads them (`whet/web/payload.js`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.bytecode import Instruction
from whet.analyze.profile.origin import Origin, origins
from whet.model.profile import Profile

__all__ = ["CodeColumns", "bytecode_columns", "deltas", "file_columns", "file_origins"]


# Instructions by source line: [offset or address, name, argument] each.
CodeColumns = dict[str, list[list[int | str]]]


def deltas(column: npt.NDArray[np.integer[Any]]) -> list[int]:
    """Return the differences between neighbours, beginning from 0."""
    return list(np.diff(column.astype(np.int64), prepend=0).tolist())


def bytecode_columns(lines: dict[int, list[Instruction]]) -> CodeColumns:
    """Return instructions by source line: [offset, name, argument] each."""
    return {str(line): [[i.offset, i.name, i.argument] for i in found] for line, found in lines.items()}


def file_columns(profile: Profile, rows: npt.NDArray[np.integer[Any]]) -> tuple[dict[str, Any], list[int]]:
    """Return the table of the files that string indices name, and the row of each index."""
    distinct, index = np.unique(rows, return_inverse=True)
    files = [profile.strings.text(row) for row in distinct.tolist()]
    found = origins(files, native_files=_mapped(profile))
    table = {"files": files, "origins": [[origin.kind, origin.package] for origin in found]}
    return table, index.reshape(-1).tolist()


def file_origins(profile: Profile) -> dict[str, Origin]:
    """Return whose code is in each file that a profile's functions and mappings name."""
    rows = np.unique(np.concatenate([profile.functions.filename, profile.mappings.filename]))
    files = [profile.strings.text(row) for row in rows.tolist()]
    return dict(zip(files, origins(files, native_files=_mapped(profile)), strict=True))


def _mapped(profile: Profile) -> frozenset[str]:
    return frozenset(profile.strings.text(row) for row in profile.mappings.filename.tolist())
