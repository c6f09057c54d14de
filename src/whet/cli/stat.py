"""`whet stat`: compare files of benchmark results.

Options are benchstat's by their own names, with one dash or two, and may stand anywhere. Exit
status 2 means that something could not be read or that measurements were lost.
"""

from __future__ import annotations

from whet.cli.streams import Streams
from whet.driver.stat import FORMATS, Request, compare_results
from whet.errors import UsageError
from whet.formats.numbers import parse_float

__all__ = ["HELP", "main", "parse"]

LOST_STATUS = 2
MOST_PROBLEMS = 50

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
  -format FORMAT     text, csv
  --compat=benchstat byte for byte what benchstat prints, with its defects
"""

_TEXTS = ("table", "row", "col", "ignore", "filter")
_LEVELS = ("alpha", "confidence")


def main(argv: list[str], streams: Streams) -> int:
    """Compare the files that `argv` names; return the exit status."""
    request = parse(argv)
    if request is None:
        streams.write(HELP)
        return 0
    outcome = compare_results(request)
    for problem in outcome.problems[:MOST_PROBLEMS]:
        streams.talk(str(problem))
    if len(outcome.problems) > MOST_PROBLEMS:
        streams.talk(f"whet: {len(outcome.problems) - MOST_PROBLEMS} more such lines")
    for piece in outcome.pieces:
        streams.write(piece)
    for warning in outcome.warnings:
        streams.talk(warning)
    if outcome.nothing:
        raise UsageError(outcome.nothing, hint="whet stat --help tells what files may hold")
    if outcome.lost:
        streams.talk(f"whet: error: {outcome.lost} lines or values could not be used")
        return LOST_STATUS
    return 0


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
    if not request.inputs:
        raise UsageError("no file given", hint="whet stat OLD NEW, or whet stat --help")
    return request


def _option(request: Request, name: str, value: str | None, words: list[str]) -> None:
    if name not in (*_TEXTS, *_LEVELS, "format", "compat"):
        raise UsageError(f"unknown option -{name}", hint="whet stat --help lists the options")
    if value is None:
        if not words:
            raise UsageError(f"option -{name} needs a value", hint="whet stat --help lists the options")
        value = words.pop(0)
    if name in _TEXTS:
        setattr(request, name, value)
    elif name in _LEVELS:
        setattr(request, name, _level(name, value))
    elif name == "format":
        if value not in FORMATS:
            raise UsageError(f"unknown format {value!r}", hint=f"one of {', '.join(FORMATS)}")
        request.format = value
    else:
        if value != "benchstat":
            raise UsageError(f"--compat={value} is unknown", hint="--compat=benchstat is the only one")
        request.compat = True


def _level(name: str, value: str) -> float:
    try:
        level = parse_float(value)
    except ValueError:
        level = -1.0
    if not 0 <= level <= 1:
        raise UsageError(f"-{name} {value!r} is not between 0 and 1", hint=f"-{name} 0.05")
    return level
