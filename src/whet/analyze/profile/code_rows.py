"""`disasm` and `weblist` as records for machines; see `rows`."""

from __future__ import annotations

from whet.analyze.profile.disasm import Disassembly
from whet.analyze.profile.machine import HotInstruction
from whet.analyze.profile.report import Report
from whet.analyze.profile.rows import Record, base_value, report_document, share_row
from whet.analyze.profile.weblist import AnnotatedFunction, AnnotatedLine

__all__ = ["disassembly_rows", "instruction_row", "weblist_rows"]


def disassembly_rows(report: Report, found: list[Disassembly]) -> Record:
    """Return `disasm`: a row a function of the program's file, with all its instructions."""
    intervals = report.intervals()
    rows = []
    for disassembly in found:
        routine = disassembly.routine
        instructions = disassembly.instructions
        first = next((i for i in instructions if i.line), None)
        row: Record = {
            "name": routine.names[0],
            "file": first.file if first else "",
            "line": first.line if first else 0,
            "address": routine.start,
            "aliases": routine.names[1:],
            "binary": routine.code.path,
        }
        ranges = intervals.share(routine.flat), intervals.share(routine.cum)
        row |= share_row(report, intervals, routine.flat, routine.cum, ranges)
        row["instructions"] = [instruction_row(report, i) for i in instructions]
        rows.append(row)
    return report_document(report, intervals, rows, None)


def instruction_row(report: Report, instruction: HotInstruction) -> Record:
    """Return the record of one instruction."""
    return {
        "address": instruction.address,
        "text": instruction.text,
        "function": instruction.function,
        "file": instruction.file,
        "line": instruction.line,
        "flat": base_value(report, instruction.flat),
        "cum": base_value(report, instruction.cum),
    }


def weblist_rows(report: Report, found: list[AnnotatedFunction]) -> Record:
    """Return `weblist`: a row a function and file, with all its lines."""
    intervals = report.intervals()
    rows = []
    for annotated in found:
        function = annotated.function
        row: Record = {"name": function.name, "file": function.file, "line": function.first}
        ranges = intervals.share(function.flat), intervals.share(function.cum)
        row |= share_row(report, intervals, function.flat, function.cum, ranges)
        row["notes"] = annotated.notes
        row["lines"] = [_line_row(report, line) for line in annotated.lines]
        rows.append(row)
    return report_document(report, intervals, rows, None)


def _line_row(report: Report, line: AnnotatedLine) -> Record:
    return {
        "line": line.number,
        "flat": base_value(report, line.flat),
        "cum": base_value(report, line.cum),
        "text": line.text,
        "instructions": [instruction_row(report, i) for i in line.machine],
        "bytecode": [{"offset": c.offset, "name": c.name, "argument": c.argument} for c in line.code],
    }
