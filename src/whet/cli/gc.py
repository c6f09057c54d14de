"""`whet gc`: what the garbage collector costs a program, and what other settings would."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from whet.cli.bench import Progress
from whet.cli.streams import Streams
from whet.collect.gc_setting import GcSetting
from whet.driver.gc_advise import DEFAULT_SETTINGS, AdviseOptions, measure_settings
from whet.driver.gc_summary import summarize_source
from whet.errors import UsageError
from whet.render.gc_advice import advice_lines, document, text_table
from whet.render.gc_summary import summary_table

__all__ = ["HELP", "main", "parse"]

HELP = f"""\
usage: whet gc advise [OPTIONS] SCRIPT [ARGS...]
       whet gc advise [OPTIONS] -m MODULE [ARGS...]
       whet gc advise [OPTIONS] -c CODE [ARGS...]
       whet gc summary FILE|RECORDING|-

advise: run a program under several settings of the garbage collector, in fresh processes that take turns in
random order, and say what each would gain in time and cost in memory. A setting is measured until its
interval decides, or the time is up. The program must end by itself, with status 0.
summary: sum up a recording's gc.txt, or what WHET_GCTRACE=1 printed.

      --setting S      measure this setting (again for more; default: {" ".join(DEFAULT_SETTINGS)}):
                       T0[,T1[,T2]]  gc.set_threshold(T0, T1, T2)
                       freeze        gc.freeze() after the first full collection
                       T0+freeze     both
                       off           gc.disable(): the bound of what can be gained
      --time SECS      time for all runs together (default: 60)
      --margin PCT     a difference that does not matter (default: 1%)
      --cpu            compare CPU time instead of elapsed time
      --show-output    leave the program's output where it goes
      --seed N         of the order and the hash seeds
      --json           as JSON
  -q, --quiet          say nothing on stderr
  -h, --help           show this help

WHET_GCTRACE=1 prints every collection of a process that imports whet; docs/gc.md tells more.
"""

_FLAGS = {
    "--cpu": "cpu", "--show-output": "show_output", "--json": "json", "-q": "quiet", "--quiet": "quiet",
    "-h": "help", "--help": "help",
}  # fmt: skip
_VALUES = ("--setting", "--time", "--margin", "--seed")


@dataclass(slots=True)
class Call:
    """The options of one call, checked."""

    flags: set[str] = field(default_factory=set)
    settings: list[str] = field(default_factory=list)
    time_s: float = 60.0
    margin: float = 0.01
    seed: int | None = None
    target: list[str] = field(default_factory=list)


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet gc ARGV...`; return its exit status."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        streams.write(HELP)
        return 0 if argv else 2
    if argv[0] == "summary":
        return _summary(argv[1:], streams)
    if argv[0] != "advise":
        raise UsageError(
            f"whet gc has no command {argv[0]!r}", hint="whet gc advise SCRIPT, or whet gc summary FILE"
        )
    call = parse(argv[1:])
    if "help" in call.flags:
        streams.write(HELP)
        return 0
    return _advise(call, streams)


def _summary(argv: list[str], streams: Streams) -> int:
    if len(argv) == 1 and argv[0] in ("-h", "--help"):
        streams.write(HELP)
        return 0
    if len(argv) != 1 or (argv[0].startswith("-") and argv[0] != "-"):
        raise UsageError("whet gc summary takes one file or recording", hint="see whet gc --help")
    streams.write(summary_table(summarize_source(argv[0])))
    return 0


def _advise(call: Call, streams: Streams) -> int:
    quiet = "quiet" in call.flags
    options = AdviseOptions(
        settings=tuple(call.settings) or _defaults(),
        limit_s=call.time_s,
        margin=call.margin,
        uses_cpu_time="cpu" in call.flags,
        shows_output="show_output" in call.flags,
        seed=call.seed,
    )
    progress = Progress(streams, quiet=quiet or options.shows_output)
    try:
        result = measure_settings(call.target, options, progress.say)
    finally:
        progress.clear()
    if "json" in call.flags:
        streams.write(
            document(
                result.baseline,
                result.rows,
                result.advice,
                margin=options.margin,
                clock="cpu" if options.uses_cpu_time else "elapsed",
                doubts=result.doubts,
            )
        )
        return 0
    streams.write(text_table(result.baseline, result.rows, options.margin))
    measured = "CPU time" if options.uses_cpu_time else "time"
    lines = advice_lines(
        result.advice, result.baseline, options.margin, lambda text: GcSetting(text).code(), measured
    )
    streams.write("\n" + "".join(f"{line}\n" for line in lines))
    if not quiet:
        for doubt in result.doubts:
            streams.talk(f"whet: {doubt}")
    return 0


def _defaults() -> tuple[str, ...]:
    """Return the settings that differ from this interpreter's own."""
    import gc

    return tuple(text for text in DEFAULT_SETTINGS if text != str(gc.get_threshold()[0]))


def parse(argv: list[str]) -> Call:
    """Parse the arguments of `whet gc advise`; what follows the program's name is the program's.

    Raises:
        UsageError: an unknown option, a bad value, or no program.
    """
    call, rest = Call(), list(argv)
    while rest and rest[0].startswith("-") and rest[0][:2] not in ("-m", "-c"):
        word = rest.pop(0)
        if word == "--":
            break
        name, given, value = word.partition("=")
        if word in _FLAGS:
            call.flags.add(_FLAGS[word])
        elif name in _VALUES:
            if not given and not rest:
                raise UsageError(f"{name} needs a value", hint="see whet gc --help")
            _set(call, name, value if given else rest.pop(0))
        else:
            raise UsageError(f"whet gc advise has no option {name}", hint="see whet gc --help")
    if rest and rest[0][:2] in ("-m", "-c") and len(rest[0]) > 2:
        rest = [rest[0][:2], rest[0][2:], *rest[1:]]
    call.target = rest
    if "help" in call.flags:
        return call
    if not rest:
        raise UsageError("no program to run", hint="whet gc advise SCRIPT, or -m MODULE, or -c CODE")
    if rest[0] in ("-m", "-c") and len(rest) == 1:
        raise UsageError(f"{rest[0]} needs a value", hint="see whet gc --help")
    return call


def _set(call: Call, name: str, text: str) -> None:
    if name == "--setting":
        GcSetting(text)
        if text == "default":
            raise UsageError("the default is measured always", hint="leave out --setting default")
        if text not in call.settings:
            call.settings.append(text)
        return
    try:
        value = float(text.removesuffix("%") if name == "--margin" else text)
    except ValueError:
        raise UsageError(f"{name}: {text!r} is not a number") from None
    if name == "--time":
        if not 0 < value < float("inf"):
            raise UsageError(f"{name}: {text} is not a positive number of seconds")
        call.time_s = value
    elif name == "--margin":
        if not 0 < value < 100:
            raise UsageError(f"{name}: {text} is not a percentage between 0 and 100")
        call.margin = value / 100
    else:
        if not 0 <= value < sys.maxsize or value != int(value):
            raise UsageError(f"{name}: {text} is not a whole number")
        call.seed = int(value)
