"""`list`: values per source line of the functions that match an expression.

A sample counts once for a function and once for a line, however deep the recursion: the
sum of a function's lines may exceed the function, the function never exceeds the total.
(pprof adds up the lines instead and reports more than 100 % for recursive functions.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.profile.nodes import Nodes
from whet.analyze.profile.peek import no_match
from whet.analyze.profile.report import Report
from whet.analyze.regexp.pattern import compile_pattern

__all__ = ["ListedFunction", "build_listing"]

MARGIN_LINES = 5

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class ListedFunction:
    """One function in one file.

    Attributes:
        file: '' where the profile has none.
        lines: (flat, cum) by line number.
        first, last: the lines worth showing.
        nodes: its rows of `report.nodes(object_names=True)`.
    """

    name: str
    file: str
    flat: int = 0
    cum: int = 0
    lines: dict[int, tuple[int, int]] = field(default_factory=dict)
    first: int = 1
    last: int = 0
    nodes: list[int] = field(default_factory=list)


def build_listing(report: Report, regex: str) -> list[ListedFunction]:
    """Return the matching functions, by name and file.

    A function is left out where it has no file but its name has one elsewhere.

    Raises:
        UsageError: the expression is malformed, or nothing matches it.
    """
    pattern = compile_pattern(regex, name="argument")
    nodes = report.nodes(object_names=True)
    flat, cum = _sums(report, nodes, nodes.slot_node, len(nodes))
    matching: dict[str, bool] = {}
    groups: dict[tuple[str, str], list[int]] = {}
    for node in np.flatnonzero((flat != 0) | (cum != 0)).tolist():
        name = nodes.function_name(node)
        if name not in matching:
            matching[name] = pattern.search(name)
        if matching[name]:
            groups.setdefault((name, nodes.file(node)), []).append(node)
    if not groups:
        raise no_match(regex)
    listed = [key for key in groups if key[1] or not any(g[0] == key[0] and g[1] for g in groups)]
    listed.sort(key=lambda key: tuple(map(_bytes, key)))
    return _listed_functions(report, nodes, [(key, groups[key]) for key in listed])


def _listed_functions(
    report: Report, nodes: Nodes, groups: list[tuple[tuple[str, str], list[int]]]
) -> list[ListedFunction]:
    function_of = np.full(len(nodes) + 1, -1, np.int32)
    line_of = np.full(len(nodes) + 1, -1, np.int32)
    places: dict[tuple[int, int], int] = {}
    for row, (_, members) in enumerate(groups):
        for node in members:
            function_of[node] = row
            line_of[node] = places.setdefault((row, nodes.line(node)), len(places))
    flat, cum = _sums(report, nodes, function_of[nodes.slot_node], len(groups))
    line_flat, line_cum = _sums(report, nodes, line_of[nodes.slot_node], len(places))
    result = [
        ListedFunction(name, file, int(flat[row]), int(cum[row]), nodes=members)
        for row, ((name, file), members) in enumerate(groups)
    ]
    for (row, line), place in places.items():
        result[row].lines[line] = (int(line_flat[place]), int(line_cum[place]))
    if report.config.as_pprof:
        _add_up_lines(result)
    for function, (_, members) in zip(result, groups, strict=True):
        starts = [nodes.start_line(n) or nodes.line(n) - MARGIN_LINES for n in members]
        function.first = max(1, min(starts))
        function.last = max(function.lines) + MARGIN_LINES
    return result


def _add_up_lines(functions: list[ListedFunction]) -> None:
    for function in functions:
        function.flat = sum(flat for flat, _ in function.lines.values())
        function.cum = sum(cum for _, cum in function.lines.values())


def _sums(report: Report, nodes: Nodes, slot_node: I32, count: int) -> tuple[I64, I64]:
    samples = report.profile.samples
    return kernels.flat_cum(
        samples.stack_start, samples.stack, nodes.slot_start, slot_node, report.values, count
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
