"""`whet stat`: from a request to the text of its tables and to what must be said beside it.

Prints nothing; the exit status for CI is decided here, by `Outcome`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from whet.analyze.stat.apart import keys_that_part
from whet.analyze.stat.collect_cells import Cells, Labelled, View, collect_cells
from whet.analyze.stat.correction import Correction
from whet.analyze.stat.details import correct, find_regressions, sort_rows
from whet.analyze.stat.doubts import find_doubts
from whet.analyze.stat.filter import all_of, parse_filter
from whet.analyze.stat.names import base_name
from whet.analyze.stat.projection import Projections
from whet.analyze.stat.table import Levels, Tables, build_tables
from whet.analyze.stat.utest import Mode
from whet.errors import SourceError
from whet.formats.sniff_results import NO_RESULTS, read_results
from whet.model.result import Problem, Results, UnitMetadata
from whet.units import tidy_unit

__all__ = ["FORMATS", "Outcome", "Request", "compare_results"]

_MOST_LISTED = 6

FORMATS = ("text", "csv", "markdown", "json", "html")


@dataclass(slots=True)
class Request:
    """What the user asked for; the fields are options by their own names.

    Attributes:
        inputs: paths, `label=path`, or `-` for standard input.
        correction: of p-values for the number of comparisons.
        sort: what rows are sorted by, '' to leave them in order; `reverse` turns it round.
        threshold: the smallest relative change for the worse that fails; None to fail never.
        details: whether text has ratios with intervals and the like below the tables.
        compat: whether p-values, units of zeros and cell names are benchstat's, right or wrong.
    """

    inputs: list[str] = field(default_factory=list)
    table: str = ".config"
    row: str = ".fullname"
    col: str = ".file"
    ignore: str = ""
    filter: str = "*"
    alpha: float = 0.05
    confidence: float = 0.95
    format: str = "text"
    correction: Correction = Correction.NONE
    sort: str = ""
    reverse: bool = False
    threshold: float | None = None
    details: bool = False
    compat: bool = False


@dataclass(slots=True)
class Outcome:
    """A finished comparison.

    Attributes:
        pieces: of the report, as text.
        problems: of the inputs.
        warnings: that go beside the report; complete when all pieces were taken.
        nothing: why there is no table, '' if there is one; `held` is what there was to choose from.
        notes: about how the report was made.
        regressions: changes for the worse that fail, as text.
    """

    pieces: Iterable[str]
    problems: list[Problem]
    warnings: list[str]
    nothing: str = ""
    held: str = ""
    notes: list[str] = field(default_factory=list)
    regressions: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """How many measurements are missing."""
        return sum(problem.loses_data for problem in self.problems)


def compare_results(request: Request) -> Outcome:
    """Read, compare and render.

    Raises:
        SourceError, FormatError: an input cannot be read.
        UsageError: a filter or projection is malformed.
    """
    view = _view(request)
    units = UnitMetadata()
    inputs = [Labelled(label, _read(path, units)) for label, path in _labelled(request.inputs)]
    cells = collect_cells(inputs, view)
    levels = Levels(request.alpha, request.confidence, Mode.BENCHSTAT if request.compat else Mode.EXACT)
    tables = build_tables(cells, view, levels, units)
    notes = _adjust(tables, request) + _apart(tables, request) + _doubtful(tables, request)
    regressions = _regressions(tables, request, notes)
    pieces, warnings = _render(tables, request)
    nothing = _why_nothing(inputs, cells, request)
    # What has no place in an input is then the reason itself.
    problems = [p for one in inputs for p in one.results.problems if p.line or not nothing]
    held = _held(inputs) if nothing else ""
    return Outcome(pieces, problems, warnings, nothing, held, notes, regressions)


def _adjust(tables: Tables, request: Request) -> list[str]:
    """Correct p-values and sort rows; return what must be said about that."""
    notes = []
    if request.correction is not Correction.NONE:
        count = correct(tables, request.correction)
        notes.append(f"whet: p-values are corrected for {count} comparisons ({request.correction.value})")
    if request.sort:
        sort_rows(tables, request.sort, reverse=request.reverse)
    return notes


def _apart(tables: Tables, request: Request) -> list[str]:
    """Say why several inputs are beside each other but never compared."""
    if request.compat:
        return []
    keys = keys_that_part(tables)
    if not keys:
        return []
    ignored = ",".join([*filter(None, [request.ignore]), *keys])
    return [
        f"whet: nothing is compared, because the results differ in {', '.join(keys)}",
        f"hint: -ignore {ignored} compares them all the same",
    ]


def _doubtful(tables: Tables, request: Request) -> list[str]:
    """Say how many sets of values are doubtful, for formats that do not show which."""
    if request.compat or request.details or request.format not in ("text", "csv"):
        return []
    doubts = find_doubts(tables.measurements)
    if not doubts.exceeds_chance:
        return []
    counts = [(len(doubts.modes), "with two modes"), (len(doubts.drift), "that drifted while measured")]
    found = ", ".join(f"{count} {what}" for count, what in counts if count)
    return [f"whet: doubtful sets of values: {found}", "hint: -details names them"]


def _regressions(tables: Tables, request: Request, notes: list[str]) -> list[str]:
    if request.threshold is None:
        return []
    found, unknown = find_regressions(tables, request.threshold)
    notes += [
        f"whet: {unit} is not judged: nobody said what is better; add the line: Unit {unit} better=lower"
        for unit in unknown
    ]
    return [f"{r.row}: {r.unit} {_size(r.change)} in {r.column}" for r in found]


def _size(change: float) -> str:
    return "is no longer 0" if change == math.inf else f"{100 * change:+.2f}%"


def _view(request: Request) -> View:
    """Parse the filter and the projections."""
    keep = parse_filter(request.filter)
    projections = Projections()
    table = projections.parse(request.table, option="-table", with_unit=True)
    row = projections.parse(request.row, option="-row")
    column = projections.parse(request.col, option="-col")
    projections.parse(request.ignore, option="-ignore")
    if projections.filters:
        keep = all_of([*projections.filters, keep])
    return View(table, row, column, projections.residue(), keep, untidy_zeros=request.compat)


def _labelled(inputs: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (label, path); a path that comes again without a label is numbered."""
    plain = [text for text in inputs if "=" not in text]
    seen: dict[str, int] = {}
    for text in inputs:
        label, given, path = text.partition("=")
        if given:
            yield label, path
        elif plain.count(text) == 1:
            yield text, text
        else:
            number = seen.get(text, 0)
            seen[text] = number + 1
            yield f"{text}#{number}", text


def _read(path: str, units: UnitMetadata) -> Results:
    try:
        if path == "-":
            return read_results(_standard_input(), path, units)
        with open(path, "rb") as file:
            return read_results(file, path, units)
    except OSError as error:
        raise SourceError(
            f"{path}: {(error.strerror or str(error)).lower()}",
            hint="give files of benchmark results, label=path, or - for standard input",
        ) from None
    except ValueError as error:
        raise SourceError(f"{path!r}: {error}") from None


def _standard_input() -> BinaryIO:
    buffer: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise OSError("standard input is closed")
    return buffer


def _why_nothing(inputs: list[Labelled], cells: Cells, request: Request) -> str:
    count = sum(len(one.results) for one in inputs)
    if cells.tables:
        return ""
    if count:
        return f"-filter {request.filter!r} and fixed orders leave none of {count} results"
    return "; ".join(str(p) for one in inputs for p in one.results.problems if not p.line) or NO_RESULTS


def _held(inputs: list[Labelled]) -> str:
    """Name what the inputs hold, for a filter that leaves nothing of it."""
    names = dict.fromkeys(base_name(name) for one in inputs for name in one.results.names)
    units = dict.fromkeys(tidy_unit(unit)[0] for one in inputs for unit in one.results.units)
    return f".name is one of {_listed(names)}; .unit of {_listed(units)}" if names else ""


def _listed(texts: Iterable[str]) -> str:
    first, *others = list(texts)
    shown = [first, *others[: _MOST_LISTED - 1]]
    more = len(others) + 1 - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _render(tables: Tables, request: Request) -> tuple[Iterable[str], list[str]]:
    if request.format == "csv":
        from whet.render.stat.csv import CsvWriter

        writer = CsvWriter(tables)
        return (f"{line}\n" for line in writer.lines()), writer.warnings
    if request.format == "text":
        return _text(tables, request), []
    from whet.analyze.stat.details import find_details

    details = find_details(tables)
    if request.format == "json":
        from whet.render.stat.json import render_json

        return render_json(tables, details), []
    if request.format == "html":
        from whet.render.stat.html import render_html

        return render_html(tables, details), []
    from whet.render.stat.markdown import render_markdown

    return (f"{line}\n" for line in render_markdown(tables, details)), []


def _text(tables: Tables, request: Request) -> Iterator[str]:
    from whet.render.stat.text import render_text

    yield from (f"{line}\n" for line in render_text(tables))
    if request.details:
        from whet.analyze.stat.details import find_details
        from whet.render.stat.details import render_details

        yield from (f"{line}\n" for line in render_details(tables, find_details(tables)))
