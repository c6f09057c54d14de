"""Consistency of a profile's columns, checked before they are encoded.

Encoders follow row numbers without looking; a column of the wrong dtype or a row beyond its
table is a mistake of the program that built the profile, so it is a ValueError.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["checked"]

_DTYPES: dict[str, type[np.generic]] = {
    "strings.blob": np.uint8,
    "strings.start": np.int64,
    "samples.stack_start": np.int64,
    "samples.stack": np.int32,
    "samples.values": np.int64,
    "samples.label_start": np.int64,
    "samples.labels.key": np.int32,
    "samples.labels.text": np.int32,
    "samples.labels.number": np.int64,
    "samples.labels.unit": np.int32,
    "mappings.id": np.uint64,
    "mappings.memory_start": np.uint64,
    "mappings.memory_limit": np.uint64,
    "mappings.file_offset": np.uint64,
    "mappings.filename": np.int32,
    "mappings.build_id": np.int32,
    "mappings.has_functions": np.bool_,
    "mappings.has_filenames": np.bool_,
    "mappings.has_line_numbers": np.bool_,
    "mappings.has_inline_frames": np.bool_,
    "locations.id": np.uint64,
    "locations.mapping": np.int32,
    "locations.address": np.uint64,
    "locations.is_folded": np.bool_,
    "locations.line_start": np.int64,
    "locations.line_function": np.int32,
    "locations.line": np.int64,
    "locations.column": np.int64,
    "functions.id": np.uint64,
    "functions.name": np.int32,
    "functions.system_name": np.int32,
    "functions.filename": np.int32,
    "functions.start_line": np.int64,
}
# CSR column -> the columns it cuts into rows.
_STARTS = {
    "strings.start": "strings.blob",
    "samples.stack_start": "samples.stack",
    "samples.label_start": "samples.labels.",
    "locations.line_start": "locations.line",
}
# Column of row numbers -> the table, and the smallest row number allowed.
_ROWS = {
    "samples.stack": ("locations", 0),
    "locations.mapping": ("mappings", -1),
    "locations.line_function": ("functions", 0),
}
_LINES = ("locations.line", "locations.line_function", "locations.column")


def checked(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns as contiguous arrays.

    Raises:
        ValueError: a column has the wrong dtype or length, or a row number has no row.
    """
    arrays = {name: _array(name, columns[name], dtype) for name, dtype in _DTYPES.items()}
    samples = len(arrays["samples.stack_start"]) - 1
    if arrays["samples.values"].shape != (samples, len(columns["sample_type"])):
        raise ValueError("samples.values is not samples x sample types")
    _check_lengths(arrays)
    for name, (table, least) in _ROWS.items():
        rows = arrays[name]
        if rows.size and not least <= int(rows.min()) <= int(rows.max()) < len(arrays[f"{table}.id"]):
            raise ValueError(f"{name} has a row that is not in {table}")
    return {**columns, **arrays}


def _array(name: str, value: Any, dtype: type[np.generic]) -> np.ndarray[Any, Any]:
    if not isinstance(value, np.ndarray) or value.dtype != dtype:
        raise ValueError(f"{name} is not an array of {dtype.__name__}")
    if value.ndim != (2 if name == "samples.values" else 1):
        raise ValueError(f"{name} has {value.ndim} dimensions")
    return np.ascontiguousarray(value)


def _check_lengths(arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    lengths = {name: len(a) for name, a in arrays.items()}
    for table in ("mappings", "locations", "functions", "samples.labels"):
        expected = lengths[f"{table}.key" if table == "samples.labels" else f"{table}.id"]
        for name in _DTYPES:
            if name.rpartition(".")[0] != table or name in _LINES or name in _STARTS:
                continue
            if lengths[name] != expected:
                raise ValueError(f"{name} has {lengths[name]} rows instead of {expected}")
    if len({lengths[name] for name in _LINES}) > 1:
        raise ValueError("the line columns of locations differ in length")
    for name, content in _STARTS.items():
        start = arrays[name]
        size = lengths["samples.labels.key" if content.endswith(".") else content]
        if not len(start) or start[0] != 0 or start[-1] != size or (start[1:] < start[:-1]).any():
            raise ValueError(f"{name} does not cut its content into rows")
    if len(arrays["samples.label_start"]) != len(arrays["samples.stack_start"]):
        raise ValueError("samples.label_start and samples.stack_start differ in length")
    if lengths["locations.line_start"] != lengths["locations.id"] + 1:
        raise ValueError("locations.line_start does not fit the locations")
