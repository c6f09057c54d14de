"""`disasm`: values per machine instruction of the functions that match an expression.

The functions are those of the program's file; the expression may also be an address.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.machine import (
    CodeFile,
    Disassemble,
    Extent,
    HotInstruction,
    OpenCode,
    Places,
    Routine,
    address_sums,
    find_places,
    hot_instructions,
    summed_by_address,
)
from whet.analyze.profile.peek import no_match
from whet.analyze.profile.report import Report
from whet.analyze.regexp.pattern import Pattern, compile_pattern
from whet.errors import UsageError
from whet.formats.disassembly import MachineInstruction

__all__ = ["Disassembly", "build_disassembly", "parsed_address", "routines_of"]

_BYTECODE_HINT = "whet prof list REGEX shows its lines, whet prof weblist REGEX its bytecode, too"

_MANGLED = ("_Z", "_R")


@dataclass(slots=True)
class Disassembly:
    """A function and its instructions."""

    routine: Routine
    instructions: list[HotInstruction]


def build_disassembly(
    report: Report, regex: str, open_code: OpenCode, disassemble: Disassemble
) -> list[Disassembly]:
    """Return the functions that match and have samples, by name and address.

    Raises:
        UsageError: the expression is malformed, nothing matches it, or what does has no machine code.
        SourceError: there is no disassembler.
    """
    pattern, address = compile_pattern(regex, name="argument"), parsed_address(regex)
    wanted = _sampled(report)
    places = find_places(report.profile, open_code, wanted)
    found = []
    for row in range(len(places.codes)):
        found += [
            routine
            for routine in routines_of(places, row, as_pprof=report.config.as_pprof)
            if any(pattern.search(name) for name in _known_names(report, routine))
            or (address is not None and routine.start <= address < routine.end)
        ]
    if not found:
        raise _nothing_found(report, pattern, regex, places)
    found.sort(key=lambda routine: (routine.names[0].encode("utf-8", "surrogateescape"), routine.start))
    _add_sums(report, found)
    return _disassembled(report, places, found, disassemble)


def _disassembled(
    report: Report, places: Places, routines: list[Routine], disassemble: Disassemble
) -> list[Disassembly]:
    # Of a function's end pprof disassembles all but the last byte.
    cut = 1 if report.config.as_pprof else 0
    instructions: dict[tuple[str, Extent], list[MachineInstruction]] = {}
    for code in places.codes:
        extents = [(r.start, r.end - cut) for r in routines if r.code is code]
        for extent, found in zip(extents, disassemble(code, extents) if extents else [], strict=True):
            instructions[code.path, extent] = found
    return [
        Disassembly(r, hot_instructions(report, places, r, instructions[r.code.path, (r.start, r.end - cut)]))
        for r in routines
    ]


def parsed_address(regex: str) -> int | None:
    """Return the number an expression is, as Go's ParseUint reads it, or None."""
    try:
        value = int(regex, 0) if not regex.startswith(("+", "-")) else -1
    except ValueError:
        return None
    return value if 0 <= value < 1 << 64 else None


def routines_of(places: Places, row: int, *, as_pprof: bool = False) -> list[Routine]:
    """Return the functions of a file that locations are in; names of one place are one function.

    As pprof does it, each name is a function of its own, and its last byte is not part of it.
    """
    code, rows = places.codes[row], np.flatnonzero(places.code == row)
    found: dict[int, Routine] = {}
    for location, address in zip(rows.tolist(), places.address[rows].tolist(), strict=True):
        for symbol in _symbols_at(code, address, cut=1 if as_pprof else 0):
            if symbol not in found:
                found[symbol] = Routine([code.symbols.name(symbol)], code, *_extent(code, symbol))
            found[symbol].locations.append(location)
    return list(found.values()) if as_pprof else _without_aliases(found.values())


def _known_names(report: Report, routine: Routine) -> list[str]:
    """Return the names to look for: those that the profile has, too, such as `f(int)` for `_Z1fi`."""
    if report.config.as_pprof:
        return routine.names
    profile = report.profile
    ends = profile.locations.line_start[np.array(routine.locations) + 1]
    starts = profile.locations.line_start[routine.locations]
    outer = profile.locations.line_function[ends[ends > starts] - 1]
    known = [profile.strings.text(row) for row in np.unique(profile.functions.name[outer]).tolist()]
    if routine.names[0].startswith(_MANGLED) and len(known) == 1 and known[0] not in routine.names:
        routine.names.insert(0, known[0])
    return [*routine.names, *known]


def _without_aliases(routines: Iterable[Routine]) -> list[Routine]:
    found: dict[tuple[int, int], Routine] = {}
    for routine in routines:
        first = found.setdefault((routine.start, routine.end), routine)
        if first is not routine:
            names = {*first.names, *routine.names}
            first.names = sorted(names, key=lambda name: (name.startswith("_"), len(name), name))
    return list(found.values())


def _symbols_at(code: CodeFile, address: int, *, cut: int) -> list[int]:
    """Return the functions around an address, of those that start nearest before it."""
    starts, place = code.symbols.address, np.uint64(address)
    last = int(np.searchsorted(starts, place, side="right")) - 1
    if last < 0:
        return []
    first = int(np.searchsorted(starts, starts[last]))
    return [row for row in range(first, last + 1) if address < _extent(code, row)[1] - cut]


def _extent(code: CodeFile, row: int) -> tuple[int, int]:
    """Return where a function starts and ends: assembly may have no size, it ends where the next begins."""
    symbols = code.symbols
    start, size = int(symbols.address[row]), int(symbols.size[row])
    if size == 0:
        following = int(np.searchsorted(symbols.address, symbols.address[row], side="right"))
        size = int(symbols.address[following]) - start if following < len(symbols) else 0
    return start, start + size


def _sampled(report: Report) -> npt.NDArray[np.bool_]:
    """Flag the locations of samples that have a value."""
    samples = report.profile.samples
    counted = report.values != 0
    if report.divisors is not None:
        counted |= report.divisors != 0
    flags = np.zeros(len(report.profile.locations), bool)
    flags[samples.stack[np.repeat(counted, np.diff(samples.stack_start))]] = True
    return flags


def _add_sums(report: Report, routines: list[Routine]) -> None:
    for routine in routines:
        rows = np.array(routine.locations, np.int64)
        if report.config.as_pprof:
            flat, cum = summed_by_address(report, rows, np.zeros_like(rows), 1, report.values)
        else:
            group = np.ones(len(report.profile.locations), np.int32)
            group[rows] = 0
            flat, cum = address_sums(report, group, 1)
        routine.flat, routine.cum = flat[0], cum[0]


def _nothing_found(report: Report, pattern: Pattern, regex: str, places: Places) -> UsageError:
    """Say why there is nothing to disassemble."""
    profile = report.profile
    locations, functions, text = profile.locations, profile.functions, profile.strings.text
    named = [r for r in range(len(functions)) if pattern.search(text(int(functions.name[r])))]
    if not named:
        return no_match(regex)
    rows = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    rows = np.unique(rows[np.isin(locations.line_function, named)])
    name, file = text(int(functions.name[named[0]])), text(int(functions.filename[named[0]]))
    has_addresses = not len(rows) or locations.address[rows].any()
    # Code that exec() is given is of a file like <string>; Go has <autogenerated>, with addresses.
    python = file.endswith(".py") or (file.startswith("<") and not has_addresses)
    if python or not has_addresses:
        kind = "a Python function" if python else "known without addresses"
        return UsageError(f"{name} is {kind}: the profile has no machine code for it", hint=_BYTECODE_HINT)
    files = [text(int(profile.mappings.filename[m])) for m in locations.mapping[rows].tolist() if m >= 0]
    binary = posixpath.basename(next(filter(None, files), "")) or "the program"
    opened = {places.codes[i].path for i in places.code[rows].tolist() if i >= 0}
    if not opened:
        return UsageError(
            f"{name} is in {binary}, and there is no file of it here",
            hint="whet prof disasm REGEX PROGRAM FILE, or PPROF_BINARY_PATH=DIRECTORY, says where it is",
        )
    stripped = next((c for c in places.codes if c.path in opened and not len(c.symbols)), None)
    if stripped is not None:
        return UsageError(
            f"{stripped.path} is stripped: it has no table of functions",
            hint="give a build with symbols (Go: without -ldflags=-s) as PROGRAM",
        )
    return UsageError(
        f"{name} is not a function of its own in {', '.join(sorted(opened))}",
        hint="it was inlined, or has another name there: whet prof peek REGEX shows who calls it",
    )
