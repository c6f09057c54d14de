"""Names for the places of a profile that are known by address only.

Which places want names, and what the profile is once they have some, as pprof's symbolizer decides.
Opens and runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.machine import CodeFile
from whet.formats.disassembly import Frame
from whet.model.profile import Mappings, Profile, StringTable

__all__ = ["LookUp", "symbol_frames", "unnamed", "with_frames"]

Mask = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]
# Gets a file and addresses in it; returns the frames of each, innermost first.
LookUp = Callable[[CodeFile, Sequence[int]], list[list[Frame]]]


def unnamed(profile: Profile, *, force: bool = False) -> Mask:
    """Flag the locations that want names: bool[locations].

    Those are the ones with an address of a mapping that nobody has looked up names for yet;
    with `force` they may have names already.
    """
    locations, mappings = profile.locations, profile.mappings
    wanted: Mask = (locations.address != 0) & (locations.mapping >= 0)
    if force or not len(mappings):
        return wanted
    done = mappings.has_functions | mappings.has_filenames | mappings.has_line_numbers
    bare = np.diff(locations.line_start) == 0
    found: Mask = wanted & bare & ~done[locations.mapping]
    return found


def symbol_frames(code: CodeFile, addresses: Sequence[int]) -> list[list[Frame]]:
    """Return the function of each address as the file's own table of symbols tells, without lines."""
    symbols = code.symbols
    if not len(symbols):
        return [[] for _ in addresses]
    rows = np.searchsorted(symbols.address, np.array(addresses, np.uint64), side="right") - 1
    found = []
    for row, address in zip(rows.tolist(), addresses, strict=True):
        inside = row >= 0 and address < int(symbols.address[row]) + max(int(symbols.size[row]), 1)
        found.append([Frame(symbols.name(row), "", 0)] if inside else [])
    return found


def with_frames(profile: Profile, frames: dict[int, list[Frame]]) -> Profile:
    """Return the profile with frames for rows of locations, innermost first."""
    frames = {row: found for row, found in frames.items() if found}
    if not frames:
        return profile
    strings, text = _Strings(profile), profile.strings
    functions, added = profile.functions, dict[tuple[int, int], int]()
    lines: dict[int, list[tuple[int, int]]] = {}
    for row, found in frames.items():
        lines[row] = [
            (
                len(functions)
                + added.setdefault((strings.index(f.function), strings.index(f.file)), len(added)),
                f.line,
            )
            for f in found
        ]
    names = np.array([name for name, _ in added], np.int32)
    files = np.array([file for _, file in added], np.int32)
    largest = int(functions.id.max()) if len(functions) else 0
    ids = np.arange(largest + 1, largest + 1 + len(added), dtype=np.uint64)
    new_functions = replace(
        functions,
        id=np.concatenate([functions.id, ids]),
        name=np.concatenate([functions.name, names]),
        system_name=np.concatenate([functions.system_name, names]),
        filename=np.concatenate([functions.filename, files]),
        start_line=np.concatenate([functions.start_line, np.zeros(len(added), np.int64)]),
    )
    return replace(
        _with_lines(profile, lines), strings=strings.table(text), functions=new_functions,
        mappings=_with_flags(profile, frames),
    )  # fmt: skip


def _with_lines(profile: Profile, lines: dict[int, list[tuple[int, int]]]) -> Profile:
    """Replace the lines of some locations by (function, line) pairs."""
    locations = profile.locations
    counts = np.diff(locations.line_start)
    for row, found in lines.items():
        counts[row] = len(found)
    start = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=start[1:])
    fresh = np.zeros(len(counts), bool)
    fresh[list(lines)] = True
    function, line, column = (
        np.zeros(start[-1], np.int32),
        np.zeros(start[-1], np.int64),
        np.zeros(start[-1], np.int64),
    )
    of_old = np.repeat(fresh, np.diff(locations.line_start))
    of_new = np.repeat(fresh, counts)
    function[~of_new] = locations.line_function[~of_old]
    line[~of_new] = locations.line[~of_old]
    column[~of_new] = locations.column[~of_old]
    pairs = [pair for row in sorted(lines) for pair in lines[row]]
    function[of_new] = [f for f, _ in pairs]
    line[of_new] = [n for _, n in pairs]
    folded = locations.is_folded & ~fresh
    return replace(
        profile,
        locations=replace(
            locations, line_start=start, line_function=function, line=line, column=column, is_folded=folded
        ),
    )


def _with_flags(profile: Profile, frames: dict[int, list[Frame]]) -> Mappings:
    """Say of mappings what is known now."""
    mappings = profile.mappings
    flags = [
        column.copy()
        for column in (mappings.has_functions, mappings.has_filenames, mappings.has_line_numbers)
    ]
    inline = mappings.has_inline_frames.copy()
    for row, found in frames.items():
        mapping = int(profile.locations.mapping[row])
        for frame in found:
            for flag, known in zip(flags, (frame.function, frame.file, frame.line), strict=True):
                flag[mapping] |= bool(known)
        inline[mapping] = True
    return replace(
        mappings,
        has_functions=flags[0], has_filenames=flags[1], has_line_numbers=flags[2], has_inline_frames=inline,
    )  # fmt: skip


class _Strings:
    """Texts appended to a string table."""

    def __init__(self, profile: Profile) -> None:
        self._count = len(profile.strings)
        self._added: dict[str, int] = {}

    def index(self, text: str) -> int:
        """Return the index of a text; the empty one is always the first."""
        return self._added.setdefault(text, self._count + len(self._added)) if text else 0

    def table(self, old: StringTable) -> StringTable:
        """Return the table with all texts."""
        pieces = [text.encode("utf-8", "surrogateescape") for text in self._added]
        blob = np.concatenate([old.blob, np.frombuffer(b"".join(pieces), np.uint8)])
        ends = old.start[-1] + np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
        return StringTable(blob, np.concatenate([old.start, ends]))
