"""`traces`: every sample with its labels and stack. Layout: pprof's `printTraces`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from whet.analyze.profile.labels import SampleLabels, sample_labels
from whet.analyze.profile.nodes import Nodes
from whet.analyze.profile.report import Report
from whet.render.profile.header import profile_labels, value_text
from whet.units import format_value

__all__ = ["render_traces"]

_INDENT = "\n" + " " * 13

_RULE = "-" * 11 + "+" + "-" * 55


def render_traces(report: Report, nodes: Nodes, label_units: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the report, those of a sample together; `nodes` name the frames."""
    yield from profile_labels(report) or [""]
    samples, texts = report.profile.samples, report.profile.strings.texts()
    leaf = [_INDENT.join(lines)[len(_INDENT) :] for lines in _frame_lines(nodes)]
    above = [_INDENT.join(lines) for lines in _frame_lines(nodes)]
    start, values = samples.stack_start.tolist(), report.sample_values()
    has_labels = len(samples.labels) > 0
    for sample, (begin, end) in enumerate(itertools.pairwise(start)):
        if begin == end:
            continue
        yield _RULE
        if has_labels:
            yield from _label_lines(sample_labels(report.profile, texts, sample), label_units)
        first, *callers = samples.stack[begin:end].tolist()
        frames = leaf[first] + "".join([above[location] for location in callers])
        yield f"{value_text(report, values[sample]):>10}   {frames}"
    yield _RULE


def _frame_lines(nodes: Nodes) -> Iterator[list[str]]:
    """Yield the names of each location's lines, after an empty one; inlined calls are marked."""
    slots, start = nodes.slot_node.tolist(), nodes.slot_start.tolist()
    for begin, end in itertools.pairwise(start):
        names = [nodes.printable_name(node) for node in slots[begin:end]]
        yield ["", *(f"{name} (inline)" for name in names[:-1]), names[-1]]


def _label_lines(labels: SampleLabels, label_units: dict[str, str]) -> Iterator[str]:
    yield from _sorted(f"{key:>10}:  {' '.join(texts)}" for key, texts in labels.texts.items())
    yield from _sorted(
        f"{key:>10}:  {' '.join(format_value(n, label_units.get(key, '')) for n in numbers)}"
        for key, numbers in labels.numbers.items()
    )


def _sorted(lines: Iterator[str]) -> list[str]:
    # The newline takes part in the order: it is below every printable character.
    return sorted(lines, key=lambda line: (line + "\n").encode("utf-8", "surrogateescape"))
