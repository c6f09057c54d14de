"""Which functions of a program's file the addresses of a profile are in, and their values.

A sample counts once for a function and once for an instruction, however often its stack passes
them. (pprof adds up the addresses of a function instead: recursion counts several times.)
Opens and runs nothing: whoever asks gives what it knows about files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.profile.means import quotient
from whet.analyze.profile.report import Report
from whet.formats.disassembly import MachineInstruction
from whet.formats.elf import Elf, Symbols
from whet.model.profile import Profile

__all__ = [
    "CodeFile",
    "Disassemble",
    "Extent",
    "HotInstruction",
    "OpenCode",
    "Places",
    "Routine",
    "address_sums",
    "find_places",
    "hot_instructions",
    "summed_by_address",
]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A program's file that could be opened."""

    path: str
    elf: Elf
    symbols: Symbols


# Gets a row of mappings; None where there is no file for it.
OpenCode = Callable[[int], "CodeFile | None"]
Extent = tuple[int, int]  # where something starts and ends: addresses of a file, the end excluded
# Gets a file and extents in it; returns the instructions of each.
Disassemble = Callable[[CodeFile, Sequence[Extent]], list[list[MachineInstruction]]]


@dataclass(frozen=True, slots=True)
class HotInstruction:
    """An instruction with its values, which are means where means are asked for.

    Attributes:
        locations: the rows of the profile's locations that are in it.
    """

    address: int
    text: str
    function: str
    file: str
    line: int
    flat: int
    cum: int
    locations: tuple[int, ...] = ()


@dataclass(slots=True)
class Routine:
    """A function of a program's file.

    Attributes:
        names: of the function; the first one is as good as the others.
        start, end: addresses in the file, end excluded.
        locations: the rows of the profile's locations that are in it.
    """

    names: list[str]
    code: CodeFile
    start: int
    end: int
    flat: int = 0
    cum: int = 0
    locations: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Places:
    """Where in its file each location is.

    Attributes:
        codes: the files that could be opened.
        code: int32[locations], rows of `codes`, -1 where there is none.
        address: uint64[locations], in that file.
    """

    codes: list[CodeFile]
    code: I32
    address: U64


def find_places(profile: Profile, open_code: OpenCode, wanted: npt.NDArray[np.bool_]) -> Places:
    """Find the files of the wanted locations: bool[locations]; those without address have none."""
    locations, mappings = profile.locations, profile.mappings
    code = np.full(len(locations), -1, np.int32)
    address = locations.address.copy()
    known: dict[str, int] = {}
    codes: list[CodeFile] = []
    wanted = wanted & (locations.address != 0) & (locations.mapping >= 0)
    for mapping in np.unique(locations.mapping[wanted]).tolist():
        opened = open_code(mapping)
        if opened is None:
            continue
        row = known.setdefault(opened.path, len(codes))
        if row == len(codes):
            codes.append(opened)
        start, limit, offset = (
            int(column[mapping])
            for column in (mappings.memory_start, mappings.memory_limit, mappings.file_offset)
        )
        here = wanted & (locations.mapping == mapping)
        code[here] = row
        # Addresses are unsigned and may wrap: so does the difference.
        base = opened.elf.base(start, limit, offset) % (1 << 64)
        address[here] = locations.address[here] - np.uint64(base)
    return Places(codes, code, address)


def address_sums(report: Report, group: I32, count: int) -> tuple[list[int], list[int]]:
    """Sum the values of groups of locations: int32[locations], `count` for none.

    A sample counts once for a group. Returns (flat, cum), means where means are asked for.
    """
    flat, cum = _sums(report, group, count, report.values)
    divisors = report.divisors
    if divisors is None:
        return flat, cum
    flat_divisor, cum_divisor = _sums(report, group, count, divisors)
    return _quotients(flat, flat_divisor), _quotients(cum, cum_divisor)


def _sums(report: Report, group: I32, count: int, values: I64) -> tuple[list[int], list[int]]:
    samples = report.profile.samples
    start = np.arange(len(group) + 1, dtype=np.int64)
    flat, cum = kernels.flat_cum(samples.stack_start, samples.stack, start, group, values, count + 1)
    return flat[:count].tolist(), cum[:count].tolist()


def _quotients(values: list[int], divisors: list[int]) -> list[int]:
    return [quotient(value, divisor) for value, divisor in zip(values, divisors, strict=True)]


def hot_instructions(
    report: Report, places: Places, routine: Routine, instructions: list[MachineInstruction]
) -> list[HotInstruction]:
    """Give instructions their values: those of the addresses up to the next one.

    What the disassembler does not know about an instruction's source, the profile may.
    """
    if not instructions:
        return []
    starts = np.array([i.address for i in instructions], np.uint64)
    rows = np.array(routine.locations, np.int64)
    at = np.searchsorted(starts, places.address[rows], side="right") - 1
    rows, at = rows[at >= 0], at[at >= 0]
    flat, cum = _instruction_sums(report, rows, at, len(instructions))
    held: dict[int, list[int]] = {}
    for row, place in zip(rows.tolist(), at.tolist(), strict=True):
        held.setdefault(place, []).append(row)
    return [
        _hot(report, found, flat[i], cum[i], sorted(held.get(i, ()), key=lambda r: places.address[r]))
        for i, found in enumerate(instructions)
    ]


def _instruction_sums(report: Report, rows: I64, at: I64, count: int) -> tuple[list[int], list[int]]:
    if not report.config.as_pprof:
        group = np.full(len(report.profile.locations), count, np.int32)
        group[rows] = at
        return address_sums(report, group, count)
    flat, cum = summed_by_address(report, rows, at, count, report.values)
    if report.divisors is None:
        return flat, cum
    flat_divisor, cum_divisor = summed_by_address(report, rows, at, count, report.divisors)
    return _quotients(flat, flat_divisor), _quotients(cum, cum_divisor)


def summed_by_address(
    report: Report, rows: I64, group: I64, count: int, values: I64
) -> tuple[list[int], list[int]]:
    """Sum as pprof does: a sample counts once for an address, and addresses are added up."""
    locations = report.profile.locations
    keys = np.stack([locations.mapping[rows].astype(np.uint64), locations.address[rows]], axis=1)
    distinct, of_row = np.unique(keys, axis=0, return_inverse=True)
    node = np.full(len(locations), len(distinct), np.int32)
    node[rows] = of_row.reshape(-1)
    flat, cum = _sums(report, node, len(distinct), values)
    summed_flat, summed_cum = [0] * count, [0] * count
    owner = np.zeros(len(distinct), np.int64)
    owner[of_row.reshape(-1)] = group
    for place, own, whole in zip(owner.tolist(), flat, cum, strict=True):
        summed_flat[place] += own
        summed_cum[place] += whole
    return summed_flat, summed_cum


def _hot(report: Report, found: MachineInstruction, flat: int, cum: int, rows: list[int]) -> HotInstruction:
    function, file, line = found.function, found.file, found.line
    profile = report.profile
    for row in rows:
        end = int(profile.locations.line_start[row + 1])
        if end == int(profile.locations.line_start[row]):
            continue
        known = int(profile.locations.line_function[end - 1])
        function = function or profile.strings.text(int(profile.functions.name[known]))
        file = file or profile.strings.text(int(profile.functions.filename[known]))
        line = line or int(profile.locations.line[end - 1])
    return HotInstruction(found.address, found.text, function, file, line, flat, cum, tuple(rows))
