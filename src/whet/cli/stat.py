"""`whet stat`: compare files of benchmark results.

Options are benchstat's by their own names, with one dash or two, and may stand anywhere. Exit
status 1 means a change for the worse beyond --threshold; 2 that something could not be read or
that measurements were lost.
"""

from __future__ import annotations

import gc
import itertools

from whet.analyze.stat.correction import Correction
from whet.analyze.stat.details import SORTS
from whet.cli.streams import Streams
from whet.driver.stat import FORMATS, Outcome, Request, compare_results
from whet.errors import UsageError
from whet.formats.numbers import parse_float

__all__ = ["HELP", "main", "parse"]

REGRESSION_STATUS = 1
LOST_STATUS = 2
MOST_PROBLEMS = 50
# So many pieces of the report are written at once.
PIECES = 1000

HELP = """\
usage: whet stat [OPTIONS] FILE...

Summarize benchmark results and compare the first file with every other one. Files are in Go's
benchmark format (go test -bench), or JSON of pyperf, pytest-benchmark, asv or hyperfine.
FILE may be label=path; - is standard input. Options take one dash or two.

  -table KEYS        a table for each value of KEYS (default: .config)
  -row KEYS          a row for each (default: .fullname)
  -col KEYS          a column for each (default: .file)
  -ignore KEYS       leave these keys out of .config and .fullname
  -filter QUERY      use only benchmarks and units that match (default: *)
  -alpha A           call a change significant if p < A (default: 0.05)
  -confidence L      of intervals (default: 0.95)
  -format FORMAT     text, csv, markdown, json or html
  -details           below the text: ratios with intervals, what could be seen, doubts
  -sort KEY          rows by name, delta, p, old or new; -KEY is the other way round
  -correction C      correct p for the number of comparisons: holm or bh (default: none)
  -threshold P%      exit with status 1 if something got worse by P % or more
  --compat=benchstat byte for byte what benchstat prints, with its defects

docs/stat.md tells where this differs from benchstat, and why.
"""

_NOTHING_HINT = "whet stat --help tells what files may hold; profiles are for whet prof"
# What benchstat's first version had, and what does it now.
_FORMER = {
    "html": "-format html",
    "csv": "-format csv",
    "split": "-table KEYS",
    "geomean": "tables of several rows always have the geometric mean",
    "delta-test": "the test is always Mann and Whitney's; -alpha sets its level",
    "norange": "-format csv has the numbers in cells of their own",
}

_TEXTS = ("table", "row", "col", "ignore", "filter")
_LEVELS = ("alpha", "confidence")
_CHOICES = ("format", "compat", "sort", "correction", "threshold")


def main(argv: list[str], streams: Streams) -> int:
    """Compare the files that `argv` names; return the exit status."""
    request = parse(argv)
    if request is None:
        streams.write(HELP)
        return 0
    # All that is made stays until the end: collections would look through it in vain.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _report(compare_results(request), streams)
    finally:
        if collecting:
            gc.enable()


def _report(outcome: Outcome, streams: Streams) -> int:
    """Print everything; return the exit status."""
    for problem in outcome.problems[:MOST_PROBLEMS]:
        streams.talk(str(problem))
    if len(outcome.problems) > MOST_PROBLEMS:
        streams.talk(f"whet: {len(outcome.problems) - MOST_PROBLEMS} more such lines")
    pieces = iter(outcome.pieces)
    while some := "".join(itertools.islice(pieces, PIECES)):
        streams.write(some)
    for warning in outcome.warnings:
        streams.talk(warning)
    for note in outcome.notes:
        streams.talk(note)
    for regression in outcome.regressions:
        streams.talk(f"regression: {regression}")
    if outcome.nothing:
        raise UsageError(outcome.nothing, hint=outcome.held or _NOTHING_HINT)
    if outcome.lost:
        places = "1 place" if outcome.lost == 1 else f"{outcome.lost} places"
        streams.talk(f"whet: error: measurements were lost in {places}")
        return LOST_STATUS
    return REGRESSION_STATUS if outcome.regressions else 0


def parse(argv: list[str]) -> Request | None:
    """Parse the arguments; None asks for help.

    Raises:
        UsageError: an unknown option, a bad value, no file.
    """
    request, words = Request(), list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            request.inputs += words
            break
        if not word.startswith("-") or word == "-":
            request.inputs.append(word)
            continue
        name, given, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name in ("h", "help"):
            return None
        _option(request, name, value if given else None, words)
    if request.details and request.format == "csv":
        raise UsageError("-details has no place in CSV", hint="-format json has all the numbers")
    if not request.inputs:
        raise UsageError("no file given", hint="whet stat OLD NEW, or whet stat --help")
    return request


def _option(request: Request, name: str, value: str | None, words: list[str]) -> None:
    if name == "details":
        if value is not None:
            raise UsageError("option -details takes no value", hint="leave it out to see tables only")
        request.details = True
        return
    if name not in (*_TEXTS, *_LEVELS, *_CHOICES):
        raise UsageError(f"unknown option -{name}", hint=_instead_of(name))
    if value is None:
        if not words:
            raise UsageError(f"option -{name} needs a value", hint="whet stat --help lists the options")
        value = words.pop(0)
    if name in _TEXTS:
        setattr(request, name, value)
    elif name in _LEVELS:
        setattr(request, name, _level(name, value))
    elif name == "threshold":
        request.threshold = _percentage(value)
    else:
        _choose(request, name, value)


def _instead_of(name: str) -> str:
    """Return a hint for an option that does not exist."""
    if name in _FORMER:
        return _FORMER[name]
    import difflib

    known = ("details", *_TEXTS, *_LEVELS, *_CHOICES)
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean -{close[0]}?" if close else "whet stat --help lists the options"


def _choose(request: Request, name: str, value: str) -> None:
    key = value.removeprefix("-") if name == "sort" else value
    corrections = [c.value for c in Correction]
    known = {"format": FORMATS, "sort": SORTS, "correction": corrections, "compat": ("benchstat",)}[name]
    if key not in known:
        raise UsageError(f"unknown value {value!r} for -{name}", hint=f"one of {', '.join(known)}")
    if name == "format":
        request.format = key
    elif name == "sort":
        request.sort, request.reverse = key, key != value
    elif name == "correction":
        request.correction = Correction(key)
    else:
        request.compat = True


def _percentage(value: str) -> float:
    try:
        share = parse_float(value.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share < 1e6:
        raise UsageError(f"-threshold {value!r} is not a percentage", hint="-threshold 5%")
    return share


def _level(name: str, value: str) -> float:
    try:
        level = parse_float(value)
    except ValueError:
        level = -1.0
    if not 0 <= level <= 1:
        raise UsageError(f"-{name} {value!r} is not between 0 and 1", hint=f"-{name} 0.05")
    return level
