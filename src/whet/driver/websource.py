"""The source view of one function: its lines, and its bytecode where it is Python's."""

from __future__ import annotations

import re
import sys

from whet.analyze.profile.bytecode import Bytecode, find_bytecode
from whet.analyze.profile.callindex import CallIndex
from whet.analyze.profile.excerpt import Excerpt, excerpt
from whet.analyze.profile.neighbours import LineSums
from whet.driver.sources import SourceReader
from whet.errors import SourceError
from whet.render.web import Part, lines_part

__all__ = ["source_part"]

_VERSION = re.compile(r"\bpython[=/ -]?v?(3\.[0-9]+)", re.IGNORECASE)


def source_part(index: CallIndex, node: int, sums: LineSums, reader: SourceReader) -> Part:
    """Return the lines of a node with their values, text and bytecode."""
    nodes = index.nodes
    file, start = nodes.full_file(node), nodes.start_line(node)
    try:
        lines = reader.lines(file) if file else []
    except SourceError as error:
        return lines_part(sums, [], None, [str(error)])
    parts: Excerpt = excerpt(
        [line + "\n" for line in lines], start, [line for line in sums.line.tolist() if line > 0]
    )
    notes = [] if parts else [f"{file or 'the profile'} has none of these lines"]
    bytecode = None
    if parts and file.endswith(".py"):
        bytecode, note = _bytecode(index, nodes.function_name(node), start, "\n".join(lines) + "\n")
        notes += [note] if note else []
    return lines_part(sums, parts, bytecode, notes)


def _bytecode(index: CallIndex, name: str, start: int, text: str) -> tuple[Bytecode | None, str]:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = find_bytecode(text, name, start)
    if found is None:
        return None, f"no bytecode: the file has no {name} at line {start} that Python {here} compiles"
    recorded = _recorded_version(index)
    if recorded and recorded != here:
        return found, f"bytecode is that of Python {here}; the profile was recorded with Python {recorded}"
    return found, "" if recorded else f"bytecode is that of Python {here}; the profile does not tell its own"


def _recorded_version(index: CallIndex) -> str:
    """Return the Python version that a profile tells in its comments or by its binary, or ''."""
    profile = index.report.profile
    texts = profile.comment_texts()
    texts += [profile.strings.text(name) for name in profile.mappings.filename.tolist()]
    for text in texts:
        found = _VERSION.search(text)
        if found:
            return found[1]
    return ""
