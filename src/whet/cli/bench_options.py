"""The command line of `whet bench`: its words, their meaning, and its help."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from whet.cli.words import Words
from whet.driver.bench import Options
from whet.driver.bench_command import DEFAULT_COUNT, PROFILES, CommandOptions
from whet.driver.bench_options import parse_duration_s, parse_whole
from whet.errors import UsageError

__all__ = ["HELP", "Call", "parse"]

HELP = """\
usage: whet bench [OPTIONS] [PATH...]
       whet bench [OPTIONS] --stmt CODE [--setup CODE]
       whet bench [OPTIONS] --vs REVISION [PATH...]
       whet bench [OPTIONS] -- COMMAND [ARGS...]
       whet bench [OPTIONS] ./GO/PACKAGE...

Run the benchmarks bench_*(b) in files bench_*.py, each in several fresh processes with different hash
seeds, in random order, and print results in Go's benchmark format. A PATH is a file or a directory
(default: the current one). Slices of time in which other processes got in the way are left out, and
what the loop itself costs is taken off; `#` lines say how noisy it was.

      --bench REGEX      only these; one regular expression for each /-separated part of a name
      --benchtime T      time in the loop for each result ("1s", "300ms"), or "100x": iterations a process
      --count N          measure N results of each (default: 1; 10 for `whet stat`)
      --benchmem         count allocations: B/op and allocs/op
      --cpuprofile FILE, --memprofile FILE, --blockprofile FILE, --mutexprofile FILE
                         run each benchmark once more, recorded, and write a profile of all: CPU time,
                         memory, waits, who made others wait (of Go packages --trace FILE, too)
      --cpu LIST         for b.run_parallel: numbers of threads ("1,2,4")
      --processes N      processes for each result (default: 5)
      --seed N           seed of the order and of the hash seeds
      --list             list the benchmarks and run none
      --stmt CODE        measure this code, as timeit does
      --setup CODE       what runs once before it

      --vs REVISION      compare the working tree with this git revision, in pairs of processes, until it
                         is decided; exit status 1 if something is slower
      --threshold P      a difference that does not matter ("2%", the default)
      --timeout T        time for one comparison (default: 10s)
      --format FORMAT    text, json, or, of a comparison, markdown
      --json             the same as --format json

      --warmup N         of a COMMAND: runs before those that count (--count, 10)
      --prepare CODE     shell command to run before each run
      --param NAME=A,B   run a variant with each value in place of {NAME}; may be given several times
      --show-output      do not drop what the command prints
      --ignore-failure   measure runs that fail, too

      --no-lock          do not wait for other measurements (see whet lock)
  -q, --quiet            no progress and no noise lines
  -h, --help             show this help

Go's single dash works too: -bench, -benchtime, -count, -benchmem, -cpu.
"""

_FLAGS = {"benchmem", "list", "show-output", "ignore-failure", "no-lock", "quiet", "help", "json"}
_VALUES = {
    "bench", "benchtime", "count", "cpu", "processes", "seed", "stmt", "setup",
    "vs", "threshold", "timeout", "format", "warmup", "prepare", "param", *PROFILES,
}  # fmt: skip
_SHORT = {"q": "quiet", "h": "help"}


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for.

    Attributes:
        given: the words of the command line, for what is passed on as it is.
        paths: files, directories or Go packages.
        statement, setup: of `--stmt`.
        command: what stands after `--`.
        profiles: files to write, by the option that names them.
        revision: of `--vs`.
        threshold: a share that does not matter, 0..1.
        timeout_s: for one comparison.
        format: text, json or markdown.
    """

    given: _Values
    options: Options
    command_options: CommandOptions
    paths: list[str]
    statement: str | None
    setup: str
    command: list[str]
    profiles: dict[str, str]
    revision: str
    threshold: float
    timeout_s: float
    format: str
    list: bool
    no_lock: bool
    quiet: bool
    help: bool


class _Values(Words):
    """The words of `whet bench`, and its kinds of values."""

    def whole(self, name: str, default: int) -> int:
        return parse_whole(f"--{name}", self.values[name][-1]) if name in self.values else default


def parse(argv: Sequence[str]) -> Call:
    """Parse the arguments of `whet bench`.

    Raises:
        UsageError: an unknown option, a bad value, or options that exclude each other.
    """
    words = _Values("whet bench", argv, flags=_FLAGS, values=_VALUES, short=_SHORT)
    command = words.after or []
    if words.after is not None and not command:
        raise UsageError("no command after --", hint="whet bench -- COMMAND [ARGS...]")
    _refuse_mixtures(words)
    format_ = "json" if "json" in words.flags else words.text("format", "text")
    if format_ not in ("text", "markdown", "json"):
        raise UsageError(f"--format: {format_!r} is not text, markdown or json")
    if format_ == "markdown" and "vs" not in words:
        raise UsageError(
            "--format markdown is for comparisons",
            hint="whet bench > new.txt; whet stat -format markdown new.txt",
        )
    return Call(
        given=words,
        options=_options(words),
        command_options=_command_options(words),
        paths=words.rest or ["."],
        statement=words.text("stmt", "") if "stmt" in words else None,
        setup=words.text("setup", ""),
        command=command,
        profiles={name: words.text(name, "") for name in PROFILES[:-1] if name in words},
        revision=words.text("vs", ""),
        threshold=_share(words.text("threshold", "2%")),
        timeout_s=parse_duration_s("--timeout", words.text("timeout", "10s")),
        format=format_,
        list="list" in words.flags,
        no_lock="no-lock" in words.flags,
        quiet="quiet" in words.flags,
        help="help" in words.flags,
    )


def _refuse_mixtures(words: _Values) -> None:
    if "vs" in words and "stmt" in words:
        raise UsageError("--vs compares files of benchmarks, not a statement")
    if "stmt" in words and words.rest:
        raise UsageError("--stmt takes no files", hint="whet bench --stmt CODE [--setup CODE]")
    asked = [name for name in PROFILES if name in words]
    if asked and ("vs" in words or words.after):
        raise UsageError(
            f"--{asked[0]} goes with files of benchmarks, --stmt and Go packages",
            hint="whet run records a program; whet prof compare says what changed between profiles",
        )
    if words.after and (words.rest or "stmt" in words or "vs" in words):
        raise UsageError("a command is measured alone", hint="whet bench [OPTIONS] -- COMMAND [ARGS...]")


def _options(words: _Values) -> Options:
    benchtime = words.text("benchtime", "1s")
    by_count = benchtime.endswith("x")
    return Options(
        pattern=_pattern(words.text("bench", ".")),
        budget_s=Options.budget_s if by_count else parse_duration_s("--benchtime", benchtime),
        iterations=parse_whole("--benchtime", benchtime[:-1]) if by_count else 0,
        count=words.whole("count", 1),
        processes=words.whole("processes", Options.processes),
        memory="benchmem" in words.flags,
        cpus=tuple(parse_whole("--cpu", part) for part in words.text("cpu", "1").split(",")),
        seed=words.whole("seed", 0) or None,
    )


def _command_options(words: _Values) -> CommandOptions:
    return CommandOptions(
        count=words.whole("count", DEFAULT_COUNT),
        warmup=words.whole("warmup", 0),
        prepare=words.text("prepare", ""),
        parameters=dict(map(_parameter, words.values.get("param", []))),
        show_output="show-output" in words.flags,
        ignore_failure="ignore-failure" in words.flags,
        seed=words.whole("seed", 0) or None,
    )


def _parameter(text: str) -> tuple[str, list[str]]:
    name, given, values = text.partition("=")
    if not (name and given and values):
        raise UsageError(f"--param: {text!r} is not NAME=A,B", hint="for example --param size=10,1000")
    return name, values.split(",")


def _pattern(text: str) -> tuple[str, ...]:
    parts = tuple(text.split("/"))
    for part in parts:
        try:
            re.compile(part)
        except re.error as error:
            raise UsageError(f"--bench: {part!r} is no regular expression: {error}") from None
    return parts


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"--threshold: {text!r} is no share", hint='for example "2%"')
    return share
