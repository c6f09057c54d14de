"""Source lines with their instructions: `weblist`, and the web UI's source view."""

from __future__ import annotations

import re
from dataclasses import replace

from whet.analyze.profile.report import Report
from whet.analyze.profile.weblist import AnnotatedFunction, Tools, build_weblist
from whet.driver.binaries import Binaries
from whet.driver.sources import SourceReader
from whet.driver.symbolize import inline_frames
from whet.errors import WhetError

__all__ = ["annotated_functions", "machine_code"]

# Instructions by source line: address, name, operands.
MachineLines = dict[int, list[tuple[str, str, str]]]


def annotated_functions(report: Report, regex: str) -> tuple[list[AnnotatedFunction], list[str]]:
    """Return the functions that match, and what there is to say about programs.

    Raises:
        UsageError: the expression is malformed, or nothing matches it.
    """
    binaries = Binaries(report.profile, report.config)
    reader = SourceReader(report.config.source_path, report.config.trim_path)
    tools = Tools(
        reader.lines,
        binaries.open,
        binaries.try_to_disassemble,
        lambda code, addresses: inline_frames(code, addresses, report.config),
    )
    return build_weblist(report, regex, tools), binaries.warnings


def machine_code(report: Report, name: str, file: str) -> tuple[MachineLines, list[str]]:
    """Return what the lines of one function became in the program, and why they did not."""
    by_line = replace(report, config=report.config.changed(granularity="lines"))
    try:
        found, warnings = annotated_functions(by_line, f"^{re.escape(name)}$")
    except WhetError:
        return {}, []
    chosen = next((f for f in found if f.function.file == file), None)
    if chosen is None:
        return {}, warnings
    lines: MachineLines = {}
    for line in chosen.lines:
        parts = [(i.address, *i.text.partition(" ")) for i in line.machine]
        if parts:
            lines[line.number] = [(f"{address:x}", first, rest) for address, first, _, rest in parts]
    return lines, [*warnings, *chosen.notes]
