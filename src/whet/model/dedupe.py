"""Which rows of a profile are the same, by pprof's keys; one row is kept of each.

mapping: size rounded up to pages, file offset, build id or file name;
function: start line and the three names;
location: address relative to its mapping, mapping, is_folded, lines with function and column;
sample: stack and labels, the values of equal samples are added up.
The strings of the profile must be unique. Source: github.com/google/pprof, profile/merge.go.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.model.columns import first_appearance, groups_of, take_rows, words
from whet.model.profile import Functions, Labels, Locations, Mappings, Profile, Samples
from whet.model.strings import label_key_ranks

__all__ = ["deduplicated"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

_PAGE = np.uint64(0x1000)


def deduplicated(profile: Profile, *, inlined_columns: bool = True) -> Profile:
    """Return the profile with equal rows united, unused ones gone, rows in order of first use.

    Without `inlined_columns`, locations that differ in columns of inlined lines only are one.
    """
    mapping_group = _mapping_groups(profile.mappings)
    function_group = _function_groups(profile.functions)
    used, _ = first_appearance(profile.samples.stack, len(profile.locations))
    columns = profile.locations.column if inlined_columns else _outer_columns(profile.locations)
    location_group = _location_groups(profile, used, mapping_group, function_group, columns)
    _, first = first_appearance(location_group, len(used))
    new_row = np.full(len(profile.locations), -1, np.int32)
    new_row[used] = location_group

    mappings = _choose_mappings(profile, used, mapping_group)
    functions = _choose_functions(profile, used[first], function_group)
    return replace(
        profile,
        mappings=Mappings(**_taken(profile.mappings, mappings.rows)),
        functions=Functions(**_taken(profile.functions, functions.rows)),
        locations=_locations(profile, used[first], mappings, functions),
        samples=_samples(profile, new_row),
    )


@dataclass(slots=True)
class _Choice:
    """The rows kept of a table, and the new row of every old one (-1 = not kept)."""

    rows: I64
    new_row: I32


def _choice(groups: I32, users: npt.NDArray[Any]) -> _Choice:
    """Keep of each group the row that comes first in `users` (rows, in order of use)."""
    order, first = first_appearance(groups[users], len(groups))
    new_of_group = np.full(len(groups), -1, np.int32)
    new_of_group[order] = np.arange(len(order))
    return _Choice(users[first], new_of_group[groups])


def _mapping_groups(m: Mappings) -> I32:
    size = m.memory_limit - m.memory_start + (_PAGE - np.uint64(1))
    name = np.where(m.build_id != 0, m.build_id, m.filename)
    return groups_of(size - size % _PAGE, m.file_offset, name)


def _function_groups(f: Functions) -> I32:
    return groups_of(f.start_line, f.name, f.system_name, f.filename)


def _outer_columns(table: Locations) -> I64:
    """Return the column of each location's last line, 0 for the inlined ones."""
    columns = np.zeros_like(table.column)
    last = table.line_start[1:][np.diff(table.line_start) > 0] - 1
    columns[last] = table.column[last]
    return columns


def _location_groups(p: Profile, used: I64, mapping_group: I32, function_group: I32, columns: I64) -> I32:
    """Number the used locations, equal ones alike, in order of use."""
    table = p.locations
    mapping = table.mapping[used]
    has_mapping = mapping >= 0
    group = np.full(len(used), -1, np.int32)
    group[has_mapping] = mapping_group[mapping[has_mapping]]
    head = np.concatenate(
        [words(_relative_address(p)[used]), words(group), words(table.is_folded[used])], axis=1
    )
    line_start, lines = take_rows(table.line_start, used)
    tail = np.concatenate(
        [
            words(function_group[table.line_function[lines]]),
            words(table.line[lines]),
            words(columns[lines]),
        ],
        axis=1,
    )
    return kernels.row_groups(*_rows_of_both(head, line_start, tail))


def _rows_of_both(head: I32, start: I64, tail: I32) -> tuple[I64, I32]:
    """Return CSR rows: the cells of head[i], then those of the tail rows of i."""
    wide, narrow = head.shape[1], tail.shape[1]
    row_start = np.arange(len(head) + 1) * wide + start * narrow
    cells = np.zeros(int(row_start[-1]), np.int32)
    cells[row_start[:-1, None] + np.arange(wide)] = head
    owner = np.repeat(np.arange(len(head)), np.diff(start))
    first_cell = (owner + 1) * wide + np.arange(len(tail)) * narrow
    cells[first_cell[:, None] + np.arange(narrow)] = tail
    return row_start, cells


def _relative_address(p: Profile) -> U64:
    table = p.locations
    address = table.address.copy()
    has_mapping = table.mapping >= 0
    address[has_mapping] -= p.mappings.memory_start[table.mapping[has_mapping]]
    return address


def _choose_mappings(p: Profile, used: I64, groups: I32) -> _Choice:
    """Mapping 0 is the main binary: it stays in front, used or not."""
    rows = p.locations.mapping[used]
    main = np.zeros(min(1, len(p.mappings)), np.int32)
    return _choice(groups, np.concatenate([main, rows[rows >= 0]]))


def _choose_functions(p: Profile, kept_locations: I64, groups: I32) -> _Choice:
    _, lines = take_rows(p.locations.line_start, kept_locations)
    return _choice(groups, p.locations.line_function[lines])


def _taken(table: Mappings | Functions, rows: I64) -> dict[str, npt.NDArray[Any]]:
    columns = {f.name: getattr(table, f.name)[rows] for f in fields(table)}
    columns["id"] = _ids(len(rows))
    return columns


def _ids(count: int) -> U64:
    return np.arange(1, count + 1, dtype=np.uint64)


def _locations(p: Profile, rows: I64, mappings: _Choice, functions: _Choice) -> Locations:
    table = p.locations
    line_start, lines = take_rows(table.line_start, rows)
    mapping, address = table.mapping[rows], _relative_address(p)[rows]
    has_mapping = mapping >= 0
    mapping[has_mapping] = mappings.new_row[mapping[has_mapping]]
    address[has_mapping] += p.mappings.memory_start[mappings.rows][mapping[has_mapping]]
    return Locations(
        id=_ids(len(rows)),
        mapping=mapping,
        address=address,
        is_folded=table.is_folded[rows],
        line_start=line_start,
        line_function=functions.new_row[table.line_function[lines]],
        line=table.line[lines],
        column=table.column[lines],
    )


def _samples(p: Profile, new_location: I32) -> Samples:
    s = p.samples
    stack = new_location[s.stack]
    label_start, labels = _sorted_labels(p)
    group = kernels.row_groups(s.stack_start, stack)
    if len(labels):
        cells = np.concatenate(
            [words(labels.key), words(labels.text), words(labels.number), words(labels.unit)], axis=1
        )
        label_group = kernels.row_groups(label_start * cells.shape[1], cells.ravel())
        group = groups_of(group, label_group)
    _, rows = first_appearance(group, len(s))
    values = np.zeros((len(rows), s.values.shape[1]), np.int64)
    for column in range(values.shape[1]):
        np.add.at(values[:, column], group, s.values[:, column])
    stack_start, frames = take_rows(s.stack_start, rows)
    label_start, places = take_rows(label_start, rows)
    return Samples(stack_start, stack[frames], values, label_start, _take_labels(labels, places))


def _take_labels(labels: Labels, places: npt.NDArray[Any]) -> Labels:
    return Labels(labels.key[places], labels.text[places], labels.number[places], labels.unit[places])


def _sorted_labels(p: Profile) -> tuple[I64, Labels]:
    """Return labels as pprof keeps them: texts by key, then numbers by key, empty ones gone."""
    labels, start = p.samples.labels, p.samples.label_start
    sample = np.repeat(np.arange(len(p.samples)), np.diff(start))
    is_text = labels.text != 0
    order = np.lexsort((label_key_ranks(p), ~is_text, sample))
    order = order[(is_text | (labels.number != 0) | (labels.unit != 0))[order]]
    number, unit = labels.number * ~is_text, labels.unit * ~is_text
    sorted_start = np.zeros(len(start), np.int64)
    np.cumsum(np.bincount(sample[order], minlength=len(p.samples)), out=sorted_start[1:])
    return sorted_start, _take_labels(Labels(labels.key, labels.text, number, unit), order)
