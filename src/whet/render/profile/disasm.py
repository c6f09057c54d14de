"""`disasm`: instructions with flat and cum. Layout: pprof's `PrintAssembly`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from whet.analyze.profile.disasm import Disassembly
from whet.analyze.profile.machine import HotInstruction
from whet.analyze.profile.report import Report
from whet.render.profile.header import value_text
from whet.units import format_percentage

__all__ = ["place_text", "render_disassembly"]

_SHORT = 40


def render_disassembly(report: Report, found: list[Disassembly]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield f"Total: {value_text(report, report.total)}"
    for disassembly in found:
        routine = disassembly.routine
        yield f"ROUTINE ======================== {routine.names[0]}"
        for name in routine.names[1:]:
            yield f"    AKA ======================== {name}"
        yield (
            f"{value_text(report, routine.flat):>10} {value_text(report, routine.cum):>10} "
            f"(flat, cum) {format_percentage(routine.cum, report.total)} of Total"
        )
        yield from _instructions(report, disassembly.instructions)


def _instructions(report: Report, instructions: list[HotInstruction]) -> Iterator[str]:
    last = ("", "", 0)
    for instruction in instructions:
        numbers = f"{_or_dot(report, instruction.flat):>10} {_or_dot(report, instruction.cum):>10}"
        row = f"{numbers} {instruction.address:10x}: {instruction.text}"
        place = (instruction.function, posixpath.basename(instruction.file), instruction.line)
        text = place_text(*place) if place != last else ""
        last = place
        if not text:
            yield row
        elif len(instruction.text.encode("utf-8", "surrogateescape")) < _SHORT:
            yield f"{numbers} {instruction.address:10x}: {instruction.text:<{_SHORT}};{text}"
        else:
            yield f"{'':74};{text}"
            yield row


def place_text(function: str, file: str, line: int) -> str:
    """Write where an instruction comes from."""
    place = f"{file}:{line}" if file and line else file
    return f"{function} {place}" if function else place


def _or_dot(report: Report, value: int) -> str:
    return value_text(report, value) if value else "."
