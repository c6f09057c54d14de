"""Stacks as frames: which function and line every step of every sample is in.

A location may hold several inlined lines; here each of them is a frame of its own, so that
trees and tables need not know about locations. Two functions are the same frame if name,
file and start line agree. A location without lines is a frame named by its address.
Values are not touched. Specification of the fields: profile.proto.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.model.profile import Profile

__all__ = ["Frames", "stack_frames"]

I64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class Frames:
    """All frames of a profile.

    Attributes:
        name, file: int32[f], string indices; name 0 means "named by its address".
        start_line: int64[f], where the function begins, 0 = unknown.
        address: uint64[f], only where name is 0.
        stack_start: int64[n + 1], CSR over the two stack columns, leaf first.
        stack_frame: int32[steps], rows of this table.
        stack_place: int32[steps], rows of the two place columns.
        place_frame: int32[places], rows of this table.
        place_line: int32[places], source line numbers, 0 = unknown.
    """

    name: npt.NDArray[np.int32]
    file: npt.NDArray[np.int32]
    start_line: I64
    address: npt.NDArray[np.uint64]
    stack_start: I64
    stack_frame: npt.NDArray[np.int32]
    stack_place: npt.NDArray[np.int32]
    place_frame: npt.NDArray[np.int32]
    place_line: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.name)


def stack_frames(profile: Profile) -> Frames:
    """Expand the stacks of a profile into frames."""
    functions, locations = profile.functions, profile.locations
    identity = np.stack([functions.name, functions.filename, functions.start_line], axis=1)
    unique, of_function = np.unique(identity.astype(np.int64), axis=0, return_inverse=True)
    lines = np.diff(locations.line_start)
    bare = np.flatnonzero(lines == 0)
    bare_file = _mapping_files(profile, bare)
    bare_key = np.stack([locations.address[bare], bare_file.astype(np.uint64)], axis=1)
    bare_unique, of_bare = np.unique(bare_key, axis=0, return_inverse=True)

    # Every location gets at least one line, so that one CSR serves both kinds.
    width = np.maximum(lines, 1)
    line_start = np.zeros(len(locations) + 1, np.int64)
    np.cumsum(width, out=line_start[1:])
    frame = np.zeros(int(line_start[-1]), np.int32)
    number = np.zeros(len(frame), np.int32)
    real = np.ones(len(frame), np.bool_)
    real[line_start[bare]] = False
    frame[real] = of_function.reshape(-1)[locations.line_function]
    number[real] = np.clip(locations.line, 0, np.iinfo(np.int32).max)
    frame[line_start[bare]] = len(unique) + of_bare.reshape(-1)

    start, step = _expand(profile, line_start, width)
    absent = np.zeros(len(bare_unique), np.int64)
    return Frames(
        name=np.concatenate([unique[:, 0], absent]).astype(np.int32),
        file=np.concatenate([unique[:, 1], bare_unique[:, 1].astype(np.int64)]).astype(np.int32),
        start_line=np.concatenate([unique[:, 2], absent]),
        address=np.concatenate([np.zeros(len(unique), np.uint64), bare_unique[:, 0]]),
        stack_start=start,
        stack_frame=frame[step],
        stack_place=step.astype(np.int32),
        place_frame=frame,
        place_line=number,
    )


def _mapping_files(profile: Profile, rows: I64) -> npt.NDArray[np.int32]:
    """Return the file name (string index) of the mapping of each location row."""
    files = np.concatenate([profile.mappings.filename, np.zeros(1, np.int32)])
    return files[profile.locations.mapping[rows]].astype(np.int32)  # -1 finds the last: none


def _expand(profile: Profile, line_start: I64, width: I64) -> tuple[I64, I64]:
    """Return (stack_start, line row of each step) with inlined lines unfolded."""
    samples = profile.samples
    if not len(width) or int(width.max()) == 1:
        return samples.stack_start.astype(np.int64), line_start[samples.stack]
    widths = width[samples.stack]
    ends = np.zeros(len(widths) + 1, np.int64)
    np.cumsum(widths, out=ends[1:])
    step = np.arange(int(ends[-1]), dtype=np.int64)
    step += np.repeat(line_start[samples.stack] - ends[:-1], widths)
    return ends[samples.stack_start], step
