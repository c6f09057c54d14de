"""The options of pytest-benchmark, under their own names.

What they do is described at https://pytest-benchmark.readthedocs.io/en/latest/usage.html;
docs/bench.md says which of them work otherwise here.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import importlib
import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

__all__ = ["COLUMNS", "FixtureOptions", "add_options", "fixture_options", "split_limit"]

COLUMNS = ("min", "max", "mean", "stddev", "median", "iqr", "outliers", "ops", "rounds", "iterations")
SORTS = ("min", "max", "mean", "stddev", "name", "fullname")
NAMES = ("short", "normal", "long", "trial")
UNITS = ("ns", "us", "ms", "s", "auto")
GROUPS = ("group", "name", "func", "fullname", "fullfunc", "param")
PROFILE_COLUMNS = (
    "ncalls_recursion", "ncalls", "tottime", "tottime_per", "cumtime", "cumtime_per", "function_name",
)  # fmt: skip
LIMITS = ("min", "max", "mean", "median", "stddev", "iqr", "q1", "q3", "ops")
DEFAULT_TIMER = "time.perf_counter"
_FORBIDDEN_IN_NAMES = '/:*?<>|\\"'


def add_options(parser: pytest.Parser) -> None:
    """Register them all; a default of None says that an option was not given."""
    group = parser.getgroup("benchmark", "benchmark: the fixture, with the options of pytest-benchmark")
    for name, default, kind, metavar, text in _VALUES:
        described = text if default in (None, "") else f"{text} (default: {default})"
        group.addoption(f"--benchmark-{name}", default=default, type=kind, metavar=metavar, help=described)
    for name, text in _FLAGS:
        group.addoption(f"--benchmark-{name}", action="store_true", help=text)
    for name, const, kind, metavar, text in _OPTIONAL_VALUES:
        group.addoption(
            f"--benchmark-{name}", nargs="?", const=const, type=kind, metavar=metavar, default=None, help=text
        )
    group.addoption(
        "--benchmark-compare-fail", nargs="+", action="extend", type=split_limit, metavar="EXPR", default=[],
        help='fail if it is slower than the saved run by more than that: "min:5%%", "mean:0.001" (seconds)',
    )  # fmt: skip


def split_limit(text: str) -> tuple[str, float, bool]:
    """Split `min:5%` into field, limit, and whether that is a share."""
    name, _, limit = text.partition(":")
    try:
        value = float(limit.removesuffix("%"))
    except ValueError:
        value = math.nan
    if name not in LIMITS or not value >= 0:
        raise ArgumentTypeError(
            f"{text!r} is not FIELD:NUMBER or FIELD:NUMBER% with a field of {', '.join(LIMITS)}"
        )
    return (name, value / 100, True) if limit.endswith("%") else (name, value, False)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def _fraction(text: str) -> float:
    value = _seconds(text)
    if not 0 < value < 1:
        raise ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _loops(text: str) -> int | str:
    return text if text == "auto" else _count(text)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in allowed:
            raise ArgumentTypeError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return check


def _columns(text: str) -> list[str]:
    return [_one_of(*COLUMNS)(name.strip()) for name in text.split(",")]


def _groups(text: str) -> str:
    for part in text.split(","):
        if not part.startswith("param:"):
            _one_of(*GROUPS)(part)
    return text


def _save_name(text: str) -> str:
    found = sorted({c for c in text if c in _FORBIDDEN_IN_NAMES})
    if not text or found:
        raise ArgumentTypeError(
            f"{text!r} is no name for a file" + (f": it has {' '.join(found)}" if found else "")
        )
    return text


def _timer(text: str) -> Callable[[], float]:
    """Find `module.function`."""
    module, _, name = text.rpartition(".")
    if not module:
        raise ArgumentTypeError(f"{text!r} is not MODULE.FUNCTION, for example time.process_time")
    try:
        found: Callable[[], float] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ArgumentTypeError(f"{text!r}: {error}") from None
    return found


def _warmup(text: str) -> str:
    return _one_of("auto", "on", "off")(text)


_VALUES: list[tuple[str, Any, Callable[[str], Any], str, str]] = [
    ("min-time", "0.000005", _seconds, "SECONDS", "shortest round; whet's have 2 ms where that is more"),
    ("max-time", "1.0", _seconds, "SECONDS", "time for each benchmark"),
    ("min-rounds", "5", _count, "NUM", "rounds to have, though that takes longer"),
    ("precision", None, _fraction, "FRACTION", "stop as soon as the mean's margin of error is below that"),
    ("confidence", "0.99", _fraction, "FRACTION", "of that margin"),
    ("timer", DEFAULT_TIMER, _timer, "FUNC", "function that tells the time in seconds"),
    ("calibration-precision", "10", _count, "NUM", "taken and not needed: rounds are long against any clock"),
    ("warmup-iterations", "100000", _count, "NUM", "calls to make in an explicit warm-up"),
    ("save", None, _save_name, "NAME", "save to STORAGE/MACHINE/NUMBER_NAME.json"),
    ("json", None, str, "PATH", "write results, all rounds included, to PATH"),
    ("cprofile", None, _one_of(*PROFILE_COLUMNS), "COLUMN", "a call under cProfile, sorted by that column"),
    ("cprofile-loops", 1, _loops, "LOOPS", "calls to make under cProfile"),
    ("cprofile-top", 25, _count, "COUNT", "functions to show"),
    ("storage", "file://./.benchmarks", str, "URI", "directory of saved runs"),
    ("sort", None, _one_of(*SORTS), "COL", "sort the table: " + ", ".join(SORTS)),
    ("group-by", None, _groups, "LABEL", "groups of the table: " + ", ".join(GROUPS) + " or param:NAME"),
    ("columns", None, _columns, "LABELS", "columns of the table: " + ", ".join(COLUMNS)),
    ("name", None, _one_of(*NAMES), "FORMAT", "names in the table: " + ", ".join(NAMES)),
    ("time-unit", None, _one_of(*UNITS), "UNIT", "unit of the table: " + ", ".join(UNITS)),
]  # fmt: skip
_FLAGS = [
    ("disable-gc", "stop the garbage collector meanwhile"),
    ("skip", "skip tests that use the fixture"),
    ("only", "run nothing else; stronger than --benchmark-skip"),
    ("disable", "call benchmarked functions once and measure nothing"),
    ("enable", "stronger than --benchmark-disable"),
    ("autosave", "save to STORAGE/MACHINE/NUMBER_COMMIT_TIME.json"),
    ("save-data", "save all rounds too"),
    ("verbose", "say how each benchmark was measured"),
    ("quiet", "print no results"),
]
_OPTIONAL_VALUES: list[tuple[str, Any, Callable[[str], Any], str, str]] = [
    ("warmup", "on", _warmup, "KIND", "explicit warm-up: auto (off), on, off"),
    ("compare", True, str, "NUM", "compare with the saved run of that number, or with the last one"),
    ("netrc", "", str, "FILE", "taken and not needed: runs are not saved to servers"),
    ("cprofile-dump", "", str, "PREFIX", "save PREFIX-NAME.prof for each benchmark"),
    ("histogram", "", str, "PREFIX", "taken; whet draws none: see `whet stat --help` for plots"),
]


@dataclass(frozen=True)
class FixtureOptions:
    """How one test's fixture measures; the names are those of the marker's keywords."""

    group: str | None = None
    min_time: float = 0.000005
    max_time: float = 1.0
    min_rounds: int = 5
    precision: float | None = None
    confidence: float | None = None
    timer: Any = None
    calibration_precision: int = 10
    disable_gc: bool = False
    warmup: bool = False
    warmup_iterations: int = 100_000
    cprofile: Any = None
    cprofile_loops: int | str = 1
    cprofile_dump: Any = None


def fixture_options(config: pytest.Config, marked: dict[str, Any]) -> FixtureOptions:
    """Put the command line and a test's marker together.

    Raises:
        TypeError: the marker has a keyword that nobody knows.
    """
    option = config.option
    given = {
        "min_time": option.benchmark_min_time,
        "max_time": option.benchmark_max_time,
        "min_rounds": option.benchmark_min_rounds,
        "precision": option.benchmark_precision,
        "confidence": option.benchmark_confidence if option.benchmark_precision else None,
        "timer": option.benchmark_timer,
        "disable_gc": option.benchmark_disable_gc,
        "warmup": option.benchmark_warmup,
        "warmup_iterations": option.benchmark_warmup_iterations,
        "cprofile": option.benchmark_cprofile,
        "cprofile_loops": option.benchmark_cprofile_loops,
        "cprofile_dump": option.benchmark_cprofile_dump,
        **marked,
    }
    given["warmup"] = given["warmup"] not in (None, False, "auto", "off")
    if given["precision"] and not given["confidence"]:
        given["confidence"] = option.benchmark_confidence
    return FixtureOptions(**given)
