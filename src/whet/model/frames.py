"""The stacks of a profile as plain frames, for writers of formats that know nothing else.

A location with inlined calls becomes several frames; a location without lines is named as
reports name it: `[object]` or `<unknown>`. Knows no file format.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from whet.model.profile import Profile

__all__ = ["Frame", "FrameTable", "frame_table", "stacks"]


class Frame(NamedTuple):
    """A place in a function; line and column are 0 where unknown."""

    name: str
    file: str
    line: int
    column: int
    start_line: int


@dataclass(slots=True)
class FrameTable:
    """All different frames, and which of them each location is, innermost first."""

    frames: list[Frame]
    of_location: list[tuple[int, ...]]


def frame_table(profile: Profile) -> FrameTable:
    """Return the frames of a profile's locations."""
    functions, locations, text = profile.functions, profile.locations, profile.strings.text
    names = [
        (text(name or system), text(file), start)
        for name, system, file, start in zip(
            functions.name.tolist(),
            functions.system_name.tolist(),
            functions.filename.tolist(),
            functions.start_line.tolist(),
            strict=True,
        )
    ]
    known: dict[Frame, int] = {}
    of_location = []
    starts, lines = locations.line_start.tolist(), locations.line.tolist()
    rows, columns = locations.line_function.tolist(), locations.column.tolist()
    for row, mapping in enumerate(locations.mapping.tolist()):
        frames = []
        for at in range(starts[row], starts[row + 1]):
            name, file, start = names[rows[at]]
            frames.append(Frame(name or "<unknown>", file, lines[at], columns[at], start))
        if not frames:
            frames.append(Frame(_object_name(profile, mapping), "", 0, 0, 0))
        of_location.append(tuple(known.setdefault(frame, len(known)) for frame in frames))
    return FrameTable(list(known), of_location)


def stacks(profile: Profile, table: FrameTable) -> Iterator[list[int]]:
    """Yield each sample's frames, leaf first, as positions in the table."""
    start, stack = profile.samples.stack_start.tolist(), profile.samples.stack
    of_location = table.of_location
    for sample in range(len(profile.samples)):
        rows = stack[start[sample] : start[sample + 1]].tolist()
        yield [frame for row in rows for frame in of_location[row]]


def _object_name(profile: Profile, mapping: int) -> str:
    if mapping < 0:
        return "<unknown>"
    file = profile.strings.text(int(profile.mappings.filename[mapping]))
    return f"[{posixpath.basename(file)}]" if file else "<unknown>"
