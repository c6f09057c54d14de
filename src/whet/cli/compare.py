"""`whet prof compare`: what really changed between two profiles or two groups of them.

Options about values, granularity, filters and rows are those of `whet prof`; `-base` and
`-diff_base` name old profiles as they do in pprof. Exit status 1 means that something grew
by what --fail-on-regression allows, or more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from whet.analyze.profile.changes import Levels
from whet.analyze.profile.compare import MEASURES
from whet.analyze.profile.config import CHOICES, OPTIONS, Config, set_option
from whet.cli.streams import Streams
from whet.driver.compare import compare_sources
from whet.driver.sources import write_output
from whet.errors import UsageError

__all__ = ["HELP", "main", "parse"]

REGRESSION_STATUS = 1

HELP = """\
usage: whet prof compare [OPTIONS] OLD NEW
       whet prof compare [OPTIONS] OLD... --to NEW...
       whet prof compare [OPTIONS] -diff_base OLD [-diff_base OLD]... NEW...

Say of every function whether its share changed, did not change, or cannot be told. Several
runs a side tell how much runs differ by themselves; three are much better than one.

  --per share|second|run       compare shares of the total (default), or time per second of
                               wall-clock time or per run (three or more runs a side)
  --margin P%                  changes smaller than this part of the total are none (default: 1%)
  --fdr P%                     false discovery rate of what is called changed (default: 5%)
  --fail-on-regression P%      exit with status 1 if a function grew by this part of the total
  -json                        write rows as JSON; docs/prof-compare-json.schema.json describes it
  -o, -output FILE             write the report to FILE
  -nodecount N, -nodefraction F, -flat, -cum, -functions, -filefunctions, -lines, -files,
  -sample_index, -focus, -ignore, -hide, -show
                               as in whet prof
"""

_OLD = ("base", "diff_base", "old")
_PERCENTAGES = ("margin", "fdr", "fail-on-regression")
# What rows cannot be by, or what changes the numbers of a report but not of a comparison.
_FOREIGN = ("ci", "speedup", "unit", "base", "diff_base", "edgefraction", "source_path")


@dataclass(slots=True)
class Call:
    """A parsed command line."""

    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    config: Config = field(default_factory=Config)
    measure: str = "share"
    percentages: dict[str, float] = field(default_factory=dict)
    help: bool = False

    @property
    def levels(self) -> Levels:
        """The levels asked for."""
        default = Levels()
        return Levels(
            margin=self.percentages.get("margin", default.margin),
            false_discovery_rate=self.percentages.get("fdr", default.false_discovery_rate),
        )


def main(argv: list[str], streams: Streams) -> int:
    """Compare the profiles that `argv` names; return the exit status."""
    call = parse(argv)
    if call.help:
        streams.write(HELP)
        return 0
    limit = call.percentages.get("fail-on-regression")
    outcome = compare_sources(
        call.old, call.new, call.config, measure=call.measure, levels=call.levels, limit=limit
    )
    for warning in outcome.warnings:
        streams.talk(warning)
    if call.config.output:
        write_output(call.config.output, outcome.pieces)
    else:
        for piece in outcome.pieces:
            streams.write_bytes(piece)
    if outcome.regression:
        streams.talk(f"regression: {outcome.regression}")
        return REGRESSION_STATUS
    return 0


def parse(argv: list[str]) -> Call:
    """Parse the arguments of `whet prof compare`.

    Raises:
        UsageError: an unknown flag, a bad value, a missing or surplus profile.
    """
    call, words, positional = Call(), list(argv), list[str]()
    after_to: list[str] | None = None
    while words:
        word = words.pop(0)
        if word in ("--to", "-to", "--new", "-new"):
            after_to = after_to or []
        elif word.startswith("-") and word != "-":
            _flag(call, word.lstrip("-") if word[:2] == "--" else word[1:], words)
        else:
            (positional if after_to is None else after_to).append(word)
    if not call.help:
        _assign(call, positional, after_to)
        _check(call)
    return call


def _assign(call: Call, positional: list[str], after_to: list[str] | None) -> None:
    """Decide which profiles are old and which are new."""
    if after_to is not None:
        call.old += positional
        call.new = after_to
    elif call.old:
        call.new = positional
    elif len(positional) == 2:
        call.old, call.new = positional[:1], positional[1:]
    else:
        raise UsageError(
            f"{len(positional)} profiles given; which are old and which are new?",
            hint="whet prof compare OLD NEW, or OLD... --to NEW...",
        )
    if not call.old or not call.new:
        side = "new" if call.old else "old"
        raise UsageError(f"no {side} profile given", hint="whet prof compare OLD... --to NEW...")


def _check(call: Call) -> None:
    limit, margin = call.percentages.get("fail-on-regression"), call.levels.margin
    if limit is not None and limit < margin:
        raise UsageError(
            f"--fail-on-regression {100 * limit:g}% lies within the margin of {100 * margin:g}%, "
            "where changes count as none",
            hint=f"add --margin {100 * limit:g}%",
        )


def _flag(call: Call, text: str, words: list[str]) -> None:
    name, given, value = text.partition("=")
    name = "output" if name == "o" else name
    if name in ("h", "help"):
        call.help = True
    elif name in CHOICES or (name in OPTIONS and name not in _FOREIGN and OPTIONS[name].kind is bool):
        call.config = set_option(call.config, name, value if given else "true")
    elif name in (*_OLD, *_PERCENTAGES, "per") or (name in OPTIONS and name not in _FOREIGN):
        _set(call, name, value if given else _next(name, words))
    else:
        raise UsageError(f"unknown option -{name}", hint="whet prof compare --help lists the options")


def _set(call: Call, name: str, value: str) -> None:
    if name in _OLD:
        call.old.append(value)
    elif name in _PERCENTAGES:
        call.percentages[name] = _fraction(name, value)
    elif name == "per":
        if value not in MEASURES:
            raise UsageError(f"invalid value {value!r} for --per", hint=f"one of {', '.join(MEASURES)}")
        call.measure = value
    else:
        call.config = set_option(call.config, name, value)


def _fraction(name: str, text: str) -> float:
    """Read `5%` (or `5`) as 0.05."""
    try:
        value = float(text.removesuffix("%").strip()) / 100.0
    except ValueError:
        value = -1.0
    if not 0.0 < value < 1.0:
        raise UsageError(f"invalid value {text!r} for --{name}", hint="a percentage such as 5%")
    return value


def _next(name: str, words: list[str]) -> str:
    if not words:
        raise UsageError(f"option -{name} needs a value")
    return words.pop(0)
