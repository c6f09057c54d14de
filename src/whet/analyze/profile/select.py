"""Cut a profile down to some of its samples, frames and lines.

Returns new profiles that share every untouched column with the old one; the tables of
locations, functions and strings keep their rows, so row numbers stay valid.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.model.profile import Labels, Profile

__all__ = [
    "count_per_row",
    "first_in_row",
    "last_in_row",
    "leading",
    "select_lines",
    "select_samples",
    "without_inlines",
]

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]


def count_per_row(flags: Mask, start: Index, rows: Rows | None = None) -> Index:
    """Count the set flags in each row of a CSR layout: int64[rows].

    `flags` are those of the elements, or of a table whose `rows` the elements are.
    """
    return kernels.count_flags(start, np.ascontiguousarray(flags), rows)


def last_in_row(flags: Mask, start: Index, rows: Rows | None = None) -> Index:
    """Return the position of the last set flag in each row of a CSR layout, or -1."""
    return kernels.flag_ends(start, np.ascontiguousarray(flags), rows)[1]


def first_in_row(flags: Mask, start: Index, rows: Rows | None = None) -> Index:
    """Return the position of the first set flag in each row of a CSR layout, or -1."""
    return kernels.flag_ends(start, np.ascontiguousarray(flags), rows)[0]


def leading(start: Index, count: Index) -> Mask:
    """Flag the first `count` elements of each row of a CSR layout: bool[elements]."""
    runs = np.empty(2 * len(count), np.int64)
    runs[::2], runs[1::2] = count, np.diff(start) - count
    return np.repeat(np.tile(np.array([True, False]), len(count)), runs)


def _filtered_start(flags: Mask, start: Index, rows: Mask | None = None) -> Index:
    """Return the CSR starts that are left when the elements without a flag are removed."""
    counts = count_per_row(flags, start)
    if rows is not None:
        counts = counts[rows]
    new_start = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=new_start[1:])
    return new_start


def select_samples(profile: Profile, keep: Mask, keep_frame: Mask | None = None) -> Profile:
    """Keep the samples with a set flag, and of their stacks the frames with a set flag.

    `keep` is bool[samples]; `keep_frame` is bool[frames] over `Samples.stack`, None keeps
    every frame.
    """
    samples = profile.samples
    frame = np.repeat(keep, np.diff(samples.stack_start))
    if keep_frame is not None:
        frame &= keep_frame
    label = np.repeat(keep, np.diff(samples.label_start))
    labels = samples.labels
    kept = replace(
        samples,
        stack=samples.stack[frame],
        stack_start=_filtered_start(frame, samples.stack_start, keep),
        values=samples.values[keep],
        label_start=_filtered_start(label, samples.label_start, keep),
        labels=Labels(labels.key[label], labels.text[label], labels.number[label], labels.unit[label]),
    )
    return replace(profile, samples=kept)


def select_lines(profile: Profile, keep: Mask) -> Profile:
    """Keep the lines of locations with a set flag: bool[lines]."""
    locations = profile.locations
    kept = replace(
        locations,
        line_start=_filtered_start(keep, locations.line_start),
        line_function=locations.line_function[keep],
        line=locations.line[keep],
        column=locations.column[keep],
    )
    return replace(profile, locations=kept)


def without_inlines(profile: Profile, *, columns: bool = True) -> Profile:
    """Keep the outermost line of each location: inlined calls count as their caller's.

    Without `columns` those of all lines become 0.
    """
    line_start = profile.locations.line_start
    last = np.zeros(len(profile.locations.line_function), bool)
    last[line_start[1:][np.diff(line_start) > 0] - 1] = True
    kept = select_lines(profile, last)
    flags = np.zeros(len(profile.mappings), bool)
    mappings = replace(profile.mappings, has_inline_frames=flags)
    if columns:
        return replace(kept, mappings=mappings)
    locations = replace(kept.locations, column=np.zeros_like(kept.locations.column))
    return replace(kept, mappings=mappings, locations=locations)
