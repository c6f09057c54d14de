"""`weblist`: the lines of `list`, each with the instructions that it became.

Machine instructions come from the program's file, bytecode from compiling the source. Where an
address has a sample, the profile knows the line of the function it is in, whatever was inlined
there. Where it has none, debugging information may; of Go programs the disassembler knows the
innermost line only: one outside the function is taken to be inlined at the line before. Opens
and runs nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from whet.analyze.profile import bytecode
from whet.analyze.profile.disasm import parsed_address, routines_of
from whet.analyze.profile.listing import ListedFunction, build_listing
from whet.analyze.profile.machine import (
    Disassemble,
    HotInstruction,
    OpenCode,
    Places,
    Routine,
    find_places,
    hot_instructions,
)
from whet.analyze.profile.nodes import Nodes
from whet.analyze.profile.report import Report
from whet.analyze.profile.symbols import LookUp
from whet.errors import SourceError
from whet.formats.disassembly import Frame

__all__ = ["AnnotatedFunction", "AnnotatedLine", "Tools", "build_weblist"]

ReadLines = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What reads files for this report: sources, programs, instructions, and what was inlined."""

    read_lines: ReadLines
    open_code: OpenCode
    disassemble: Disassemble
    look_up: LookUp


@dataclass(slots=True)
class AnnotatedLine:
    """A source line.

    Attributes:
        text: None where the source cannot be read.
        machine: what it became in the program.
        blocks: the addresses of those instructions that do not follow the one before in the program.
        code: what it became in Python's interpreter.
    """

    number: int
    flat: int
    cum: int
    text: str | None
    machine: list[HotInstruction] = field(default_factory=list)
    blocks: set[int] = field(default_factory=set)
    code: list[bytecode.Instruction] = field(default_factory=list)


@dataclass(slots=True)
class AnnotatedFunction:
    """A function of `list` with its lines, and what there is to say about it."""

    function: ListedFunction
    lines: list[AnnotatedLine]
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Own:
    """Which lines and locations are a function's.

    Attributes:
        line: of each location that the function is in.
        first, last: the function's lines; `last` may be too large.
    """

    line: dict[int, int]
    base: str
    first: int
    last: int

    def place(self, instruction: HotInstruction, frames: list[Frame], name: str) -> int | None:
        """Return the line of an instruction without samples, 0 if it is not the function's, None if inlined.

        `frames` are what is known about it, innermost first; `name` is the function's.
        """
        if frames:
            return next((f.line for f in frames if _short(f.function) == _short(name)), 0)
        is_own = (
            posixpath.basename(instruction.file) == self.base and self.first <= instruction.line <= self.last
        )
        return instruction.line if is_own else None


def _short(name: str) -> str:
    return name.partition("(")[0]


def build_weblist(report: Report, regex: str, tools: Tools) -> list[AnnotatedFunction]:
    """Return the matching functions, heaviest first; the expression may be an address that has samples.

    Raises:
        UsageError: the expression is malformed, or nothing matches it.
    """
    listing = build_listing(report, _names_at(report, regex) or regex)
    nodes = report.nodes(object_names=True)
    found = [_annotated(report, nodes, function, tools.read_lines) for function in listing]
    _add_machine_code(report, nodes, found, tools)
    found.sort(key=lambda f: -abs(f.function.cum))
    return found


def _names_at(report: Report, regex: str) -> str:
    """Return an expression for the functions at an address, '' where it is none of the profile's."""
    address, profile = parsed_address(regex), report.profile
    if address is None:
        return ""
    locations = profile.locations
    names = {
        profile.strings.text(int(profile.functions.name[function]))
        for row in np.flatnonzero(locations.address == np.uint64(address)).tolist()
        for function in locations.line_function[
            locations.line_start[row] : locations.line_start[row + 1]
        ].tolist()
    }
    return f"^({'|'.join(map(re.escape, sorted(names)))})$" if names else ""


def _annotated(
    report: Report, nodes: Nodes, function: ListedFunction, read_lines: ReadLines
) -> AnnotatedFunction:
    found = AnnotatedFunction(function, [])
    try:
        source = read_lines(function.file) if function.file else []
    except SourceError as error:
        found.notes.append(str(error))
        source = []
    shown = set(range(function.first, min(function.last, len(source)) + 1)) | set(function.lines)
    for number in sorted(shown):
        flat, cum = function.lines.get(number, (0, 0))
        text = source[number - 1] if 1 <= number <= len(source) else None
        found.lines.append(AnnotatedLine(number, flat, cum, text))
    if function.file.endswith(".py") and source:
        _add_bytecode(report, nodes, found, "\n".join(source) + "\n")
    return found


def _add_bytecode(report: Report, nodes: Nodes, found: AnnotatedFunction, source: str) -> None:
    lines = {line.number: line for line in found.lines}
    for start in sorted({nodes.start_line(node) for node in found.function.nodes}):
        code, note = bytecode.function_bytecode(report.profile, found.function.name, start, source)
        if note and note not in found.notes:
            found.notes.append(note)
        for number, instructions in code.lines.items() if code else ():
            if number in lines:
                lines[number].code += instructions


def _add_machine_code(report: Report, nodes: Nodes, found: list[AnnotatedFunction], tools: Tools) -> None:
    """Find the routines that the functions are in, take each apart once, and share them out."""
    owned = [_own(report, nodes, f.function) for f in found]
    wanted = np.zeros(len(report.profile.locations), bool)
    wanted[[row for own in owned for row in own.line]] = True
    places = find_places(report.profile, tools.open_code, wanted)
    routines = [r for row in range(len(places.codes)) for r in routines_of(places, row)]
    taken_apart = _taken_apart(report, places, routines, tools.disassemble)
    frames = [_frames(r, found, tools) for r, found in zip(routines, taken_apart, strict=True)]
    for annotated, own in zip(found, owned, strict=True):
        mine = [i for i, r in enumerate(routines) if any(row in own.line for row in r.locations)]
        for i in mine:
            _share_out(annotated, own, taken_apart[i], frames[i])
        _note_missing(report, places, annotated, own, has_code=any(taken_apart[i] for i in mine))


def _own(report: Report, nodes: Nodes, function: ListedFunction) -> _Own:
    flags = np.zeros(len(nodes), bool)
    flags[function.nodes] = True
    slots = np.flatnonzero(flags[nodes.slot_node])
    rows = np.searchsorted(nodes.slot_start, slots, side="right") - 1
    # Of a location that has the function twice, the innermost line is the last to be set.
    pairs = zip(rows[::-1].tolist(), nodes.slot_node[slots][::-1].tolist(), strict=True)
    line = {row: nodes.line(node) for row, node in pairs}
    table = report.profile.functions
    first = min((s for n in function.nodes if (s := nodes.start_line(n))), default=function.first)
    same_file = table.filename == table.filename[nodes.function(function.nodes[0])]
    following = table.start_line[same_file & (table.start_line > max([first, *function.lines]))]
    last = int(following.min()) - 1 if len(following) else 1 << 31
    return _Own(line, posixpath.basename(function.file), first, last)


def _taken_apart(
    report: Report, places: Places, routines: list[Routine], disassemble: Disassemble
) -> list[list[HotInstruction]]:
    found: list[list[HotInstruction]] = [[] for _ in routines]
    for code in places.codes:
        here = [i for i, r in enumerate(routines) if r.code is code]
        parts = disassemble(code, [(routines[i].start, routines[i].end) for i in here]) if here else []
        for i, instructions in zip(here, parts, strict=True):
            found[i] = hot_instructions(report, places, routines[i], instructions)
    return found


def _frames(routine: Routine, instructions: list[HotInstruction], tools: Tools) -> list[list[Frame]]:
    return tools.look_up(routine.code, [i.address for i in instructions]) if instructions else []


def _share_out(
    annotated: AnnotatedFunction, own: _Own, instructions: list[HotInstruction], frames: list[list[Frame]]
) -> None:
    """Put a routine's instructions under the lines of one function that is in it."""
    lines = {line.number: line for line in annotated.lines}
    # A routine that is another function holds this one's inlined calls among its own code.
    sampled = [i for i in instructions if i.locations]
    is_whole = all(any(row in own.line for row in i.locations) for i in sampled)
    name = annotated.function.name
    if is_whole and frames and frames[0]:
        name = frames[0][-1].function
    current, last = 0, 0
    for instruction, known in zip(instructions, frames, strict=True):
        mine = [own.line[row] for row in instruction.locations if row in own.line]
        line = own.place(instruction, known, name) if not instruction.locations else 0
        if mine:
            current = mine[0]
        elif line is not None:
            current = line
        elif not is_whole:
            current = 0
        if current in lines:
            if current != last and lines[current].machine:
                lines[current].blocks.add(instruction.address)
            lines[current].machine.append(instruction)
        last = current


def _note_missing(
    report: Report, places: Places, annotated: AnnotatedFunction, own: _Own, *, has_code: bool
) -> None:
    """Say why a function has no machine code."""
    if has_code or annotated.function.file.endswith(".py"):
        return
    profile, rows = report.profile, list(own.line)
    if not profile.locations.address[rows].any():
        annotated.notes.append("no machine code: the profile has no addresses for it")
        return
    mapping = next((m for m in profile.locations.mapping[rows].tolist() if m >= 0), -1)
    name = profile.strings.text(int(profile.mappings.filename[mapping])) if mapping >= 0 else ""
    name = posixpath.basename(name) or "the program"
    if all(places.code[row] < 0 for row in rows):
        annotated.notes.append(
            f"no machine code: there is no file of {name} here; "
            "PROGRAM before the profile, or PPROF_BINARY_PATH=DIRECTORY, says where it is"
        )
    elif not any(len(places.codes[places.code[row]].symbols) for row in rows if places.code[row] >= 0):
        annotated.notes.append(f"no machine code: {name} is stripped")
