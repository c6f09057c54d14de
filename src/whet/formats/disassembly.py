"""What disassemblers and symbolizers write: `go tool objdump`, binutils' `objdump` and `addr2line`.

Text into records; runs nothing. Lines that are not understood are left out: banners, empty
lines, labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = [
    "Frame",
    "MachineInstruction",
    "read_addr2line",
    "read_gnu_objdump",
    "read_go_addr2line",
    "read_go_objdump",
]

_GO = re.compile(r"  (.+):(\d+)\t+0x([0-9a-f]+)\t+([0-9a-f ]*)\t+(.*)")
_GNU = re.compile(r" *([0-9a-f]+):\t(.*)")
_GNU_FUNCTION = re.compile(r"(.+)\(\):")
_GNU_LINE = re.compile(r"(.+):(\d+)(?: \(discriminator \d+\))?")
_SPACES = re.compile(r"\s+")
_UNKNOWN = ("?", "??")


@dataclass(frozen=True, slots=True)
class MachineInstruction:
    """One instruction.

    Attributes:
        address: in the file.
        function, file, line: where it comes from, '' and 0 where that is not known; the
            file's base name only where the disassembler tells no more.
    """

    address: int
    text: str
    function: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A function and the place in it that an address belongs to; '' and 0 where unknown."""

    function: str
    file: str
    line: int


def read_go_objdump(text: str) -> list[MachineInstruction]:
    """Read what `go tool objdump FILE START END` writes."""
    found = []
    for row in text.splitlines():
        match = _GO.fullmatch(row)
        if match:
            file, line = match[1], int(match[2])
            known = file not in _UNKNOWN
            instruction = match[5].rstrip("\t")
            found.append(
                MachineInstruction(
                    int(match[3], 16), instruction, "", file if known else "", line if known else 0
                )
            )
    return found


def read_gnu_objdump(text: str) -> list[MachineInstruction]:
    """Read what `objdump --disassemble --line-numbers --no-show-raw-insn` writes."""
    found, function, file, line = list[MachineInstruction](), "", "", 0
    for row in text.splitlines():
        instruction = _GNU.fullmatch(row)
        if instruction:
            shown = _SPACES.sub(" ", instruction[2].strip())
            found.append(MachineInstruction(int(instruction[1], 16), shown, function, file, line))
        elif heading := _GNU_FUNCTION.fullmatch(row):
            function, file, line = heading[1], "", 0
        elif place := _GNU_LINE.fullmatch(row):
            file, line = place[1], int(place[2])
    return found


def read_addr2line(text: str) -> list[list[Frame]]:
    """Read what `addr2line --addresses --functions --inlines` writes: innermost frames first."""
    found: list[list[Frame]] = []
    rows = iter(text.splitlines())
    for row in rows:
        if row.startswith("0x") and " " not in row and ":" not in row:
            found.append([])
            continue
        place = next(rows, "")
        frame = _frame(row, place)
        if found and frame is not None:
            found[-1].append(frame)
    return found


def read_go_addr2line(text: str) -> list[list[Frame]]:
    """Read what `go tool addr2line` writes: a function and a place for each address."""
    rows = text.splitlines()
    return [list(_known(_frame(function, place))) for function, place in _pairs(rows)]


def _pairs(rows: list[str]) -> Iterable[tuple[str, str]]:
    return zip(rows[::2], rows[1::2], strict=False)


def _known(frame: Frame | None) -> Iterator[Frame]:
    if frame is not None:
        yield frame


def _frame(function: str, place: str) -> Frame | None:
    name = "" if function in _UNKNOWN else function
    file, _, rest = place.rpartition(":")
    number = rest.split(" ", 1)[0]
    line = int(number) if number.isascii() and number.isdigit() else 0
    file = "" if file in _UNKNOWN else file
    return Frame(name, file, line) if name or file else None
