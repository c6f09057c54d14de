"""What memray exports as JSON and as pages: gprof2dot, statistics, flame graphs, tables.

`transform csv`, which has everything, is a codec of its own; `transform gprof2dot` has
sizes and functions without lines; `stats --json` has only its biggest places, one frame each,
which a comment says; pages of flame graphs have a tree, pages of tables only places. `transform
speedscope` is read by the codec of that format; the binary capture is memray's own affair.
Formats: github.com/bloomberg/memray, src/memray/reporters.
"""

from __future__ import annotations

import html
import re
from typing import Any

from whet.errors import FormatError
from whet.formats.text import (
    as_integer,
    as_list,
    as_object,
    as_text,
    decode_json,
    unpacked,
)
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

__all__ = ["decode"]

_TYPES = [("objects", "count"), ("space", "bytes")]
_PAGE_DATA = re.compile(rb"const packed_data = ([\[{].*[\]}]);?[ \t\r]*$", re.MULTILINE)
_NODE_COLUMNS = ("function", "filename", "lineno", "n_allocations", "value")
_PLACE = re.compile(r"(.*?):(.*):(\d{1,18})", re.DOTALL)


def decode(data: bytes) -> Profile:
    """Decode an export of memray.

    Raises:
        FormatError: it is damaged, or a page without a flame graph.
    """
    data = unpacked(data)
    if data.lstrip().startswith(b"<"):
        return _decode_page(data)
    document = as_object(decode_json(data), "the document")
    return _decode_events(document) if "events" in document else _decode_stats(document)


def _decode_events(document: dict[str, Any]) -> Profile:
    builder = ProfileBuilder([("space", "bytes")])
    rows = []
    for i, part in enumerate(as_list(document.get("functions"), "functions")):
        function = as_object(part, f"functions[{i}]")
        name, module = (as_text(function.get(key), f"functions[{i}].{key}") for key in ("name", "module"))
        rows.append(builder.frame(name, module))
    for i, part in enumerate(as_list(document["events"], "events")):
        event, where = as_object(part, f"events[{i}]"), f"events[{i}]"
        chain = as_list(event.get("callchain"), f"{where}.callchain")
        stack = [rows[as_integer(f, f"{where}.callchain", low=0, high=len(rows) - 1)] for f in chain]
        costs = as_list(event.get("cost"), f"{where}.cost")
        if len(costs) != 1:
            raise FormatError(f"{where} has {len(costs)} costs instead of 1")
        builder.sample(stack, [as_integer(costs[0], f"{where}.cost")])
    return builder.build()


def _decode_stats(document: dict[str, Any]) -> Profile:
    builder = ProfileBuilder(_TYPES)
    builder.comments = ["from memray's stats: only the biggest places, without their callers"]
    total = 0
    for key, column in (("top_allocations_by_count", 0), ("top_allocations_by_size", 1)):
        for i, part in enumerate(as_list(document.get(key), key)):
            where = f"{key}[{i}]"
            entry = as_object(part, where)
            match = _PLACE.fullmatch(as_text(entry.get("location"), f"{where}.location"))
            if match is None:
                raise FormatError(f"{where}.location is not name:file:line")
            values = [0, 0]
            values[column] = as_integer(entry.get("size" if column else "count"), where)
            total += column and values[column]
            builder.sample([builder.frame(match[1], match[2], int(match[3]))], values)
    rest = as_integer(document.get("total_bytes_allocated", total), "total_bytes_allocated") - total
    if rest > 0:
        builder.sample([builder.frame("<other places>")], [0, rest])
    return builder.build()


def _decode_page(data: bytes) -> Profile:
    """Decode the data inside a page: the table's rows, or the flame graph's tree."""
    match = _PAGE_DATA.search(data)
    if match is None:
        raise FormatError("no data in this page", hint="memray transform csv has everything")
    document = decode_json(match[1])
    if isinstance(document, list):
        return _decode_table(document)
    return _decode_tree(as_object(document, "packed_data"))


def _decode_table(rows: list[Any]) -> Profile:
    builder = ProfileBuilder(_TYPES)
    builder.comments = ["from memray's table: places without their callers"]
    for i, part in enumerate(rows):
        where = f"packed_data[{i}]"
        row = as_object(part, where)
        text = html.unescape(as_text(row.get("stack_trace"), f"{where}.stack_trace"))
        name, _, place = text.rpartition(" at ")
        file, _, line = place.rpartition(":")
        number = int(line) if line.isascii() and line.isdigit() and len(line) < 19 else 0
        values = [as_integer(row.get(key), f"{where}.{key}") for key in ("n_allocations", "size")]
        labels = [("allocator", str(row.get("allocator", ""))), ("thread", str(row.get("tid", "")))]
        builder.sample([builder.frame(name or text, file if name else "", number)], values, labels)
    return builder.build()


def _decode_tree(document: dict[str, Any]) -> Profile:
    """Decode nodes in columns, whose values include their children's."""
    nodes = as_object(document.get("nodes"), "packed_data.nodes")
    texts = as_list(document.get("strings"), "packed_data.strings")
    strings = [html.unescape(as_text(text, "packed_data.strings")) for text in texts]
    children = as_list(nodes.get("children"), "nodes.children")
    columns = {key: _column(nodes, key, len(children)) for key in _NODE_COLUMNS}
    builder = ProfileBuilder(_TYPES)
    rows = [_node(builder, strings, columns, i) for i in range(len(children))]
    pending: list[tuple[int, tuple[int, ...]]] = [(0, ())] if children else []
    seen: set[int] = set()
    while pending:
        node, stack = pending.pop()
        if node in seen:
            raise FormatError(f"nodes.children has node {node} twice")
        seen.add(node)
        where = f"nodes.children[{node}]"
        below = [
            as_integer(child, where, low=0, high=len(children) - 1)
            for child in as_list(children[node], where)
        ]
        own = [columns[key][node] - sum(columns[key][c] for c in below) for key in ("n_allocations", "value")]
        if any(value > 0 for value in own):
            builder.sample(stack, [max(value, 0) for value in own])
        pending += [(child, (rows[child], *stack)) for child in below]
    return builder.build()


def _column(nodes: dict[str, Any], key: str, size: int) -> list[int]:
    column = as_list(nodes.get(key), f"nodes.{key}")
    if len(column) != size:
        raise FormatError(f"nodes.{key} has {len(column)} rows instead of {size}")
    return [as_integer(value, f"nodes.{key}") for value in column]


def _node(builder: ProfileBuilder, strings: list[str], columns: dict[str, list[int]], node: int) -> int:
    name, file = (columns[key][node] for key in ("function", "filename"))
    if not (0 <= name < len(strings) and 0 <= file < len(strings)):
        raise FormatError(f"node {node} refers to string {max(name, file)} of {len(strings)}")
    return builder.frame(strings[name], strings[file], columns["lineno"][node])
