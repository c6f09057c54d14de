"""The source view of one function: its lines, and its bytecode or machine code."""

from __future__ import annotations

from whet.analyze.profile.bytecode import function_bytecode
from whet.analyze.profile.callindex import CallIndex
from whet.analyze.profile.excerpt import Excerpt, excerpt
from whet.analyze.profile.neighbours import LineSums
from whet.driver.sources import SourceReader
from whet.driver.weblist import machine_code
from whet.errors import SourceError
from whet.render.columns import CodeColumns, bytecode_columns
from whet.render.web import Part, lines_part

__all__ = ["source_part"]


def source_part(index: CallIndex, node: int, sums: LineSums, reader: SourceReader) -> Part:
    """Return the lines of a node with their values, text, and bytecode or machine code."""
    nodes = index.nodes
    file, start = nodes.full_file(node), nodes.start_line(node)
    try:
        lines = reader.lines(file) if file else []
    except SourceError as error:
        return lines_part(sums, [], {}, [str(error)])
    parts: Excerpt = excerpt(
        [line + "\n" for line in lines], start, [line for line in sums.line.tolist() if line > 0]
    )
    notes = [] if parts else [f"{file or 'the profile'} has none of these lines"]
    code: CodeColumns = {}
    if parts and file.endswith(".py"):
        text, profile = "\n".join(lines) + "\n", index.report.profile
        bytecode, note = function_bytecode(profile, nodes.function_name(node), start, text)
        notes += [note] if note else []
        code = {} if bytecode is None else bytecode_columns(bytecode.lines)
    elif parts and index.report.profile.locations.address.any():
        found, problems = machine_code(index.report, nodes.function_name(node), file)
        notes += problems
        code = {str(line): [list(row) for row in rows] for line, rows in found.items()}
    return lines_part(sums, parts, code, notes)
