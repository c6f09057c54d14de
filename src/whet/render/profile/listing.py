"""`list`: source lines with flat and cum. Layout: pprof's `printSource`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from whet.analyze.profile.listing import ListedFunction
from whet.analyze.profile.report import Report
from whet.errors import SourceError
from whet.render.profile.header import value_text
from whet.units import format_percentage

__all__ = ["render_listing"]


def render_listing(
    report: Report, listing: list[ListedFunction], read_lines: Callable[[str], list[str]]
) -> Iterator[str]:
    """Yield the lines of the report; `read_lines` gives a file's source lines."""
    yield f"Total: {value_text(report, report.total)}"
    for function in listing:
        if not function.file:
            yield f"No source information for {function.name}"
            continue
        yield f"ROUTINE ======================== {function.name} in {function.file}"
        yield (
            f"{value_text(report, function.flat):>10} {value_text(report, function.cum):>10} "
            f"(flat, cum) {format_percentage(function.cum, report.total)} of Total"
        )
        try:
            source = read_lines(function.file)
        except SourceError as error:
            yield f" Error: {error}"
            continue
        yield from _lines(report, function, source)


def _lines(report: Report, function: ListedFunction, source: list[str]) -> Iterator[str]:
    for number in range(function.first, min(function.last, len(source)) + 1):
        flat, cum = function.lines.get(number, (0, 0))
        yield (
            f"{_value_or_dot(report, flat):>10} {_value_or_dot(report, cum):>10} "
            f"{number:6d}:{source[number - 1]}"
        )


def _value_or_dot(report: Report, value: int) -> str:
    return value_text(report, value) if value else "."
