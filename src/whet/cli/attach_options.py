"""The options of `whet attach`, and its help."""

from __future__ import annotations

from dataclasses import dataclass

from whet.errors import UsageError
from whet.units import parse_duration_s

__all__ = ["HELP", "Options", "parse"]

HELP = """\
usage: whet attach [OPTIONS] PID
       whet attach --dump PID
       whet attach --top PID

Look at a running Python process (CPython 3.11 to 3.15) from outside: no restart, no change, and it is
neither stopped nor traced. Records what its threads compute and what they wait for, and shows the biggest
boxes.

  -d, --duration D    for how long, such as 10s, 500ms or 2m (default: 10s); Ctrl-C ends earlier and
                      keeps what was seen
  -r, --rate HZ       looks per second, 1 to 10000 (default: 100)
      --budget SHARE  of a CPU that looking at a process may take, such as 5% or 0.05; more would lower the
                      rate (default: 5% at 100 Hz, in proportion at other rates, at most 50%); two fifths
                      of it may be the program's own CPU
      --subprocesses  the Python processes that it started, too, and theirs
      --threads       show what each thread did
      --dump[=2]      print the stacks of all threads now, equal ones once; --dump=2 prints each of them
      --inject        have the program itself record, as under whet run; with --heap, --block, --tasks and
                      --gc, too. Needs Python 3.14 or later, and whet run by the same version
      --top           show the busiest functions in the terminal, live, until Ctrl-C
      --json          print what was found as JSON to stdout

Where it goes:

  -o, --output DIR    record into DIR; a recording there is replaced, anything else is refused
                      (default: a new directory whet-DATE-TIME-PROGRAM-PID)
      --open          open the report in a browser
      --no-report     write no report.html
  -q, --quiet         say nothing
  -h, --help          show this help

The recording holds cpu.pb.gz (threads that ran, CPU time), wall.pb.gz (all threads, by the labels `state`,
`thread` and `gil`), report.html and meta.json. Reading another process needs the right to trace it: the same
user and kernel.yama.ptrace_scope=0, or CAP_SYS_PTRACE.
"""

MAX_RATE_HZ = 10_000
_COLLECTORS = ("heap", "block", "tasks", "gc")
_BUDGET_SHARE_AT_100_HZ = 0.05
_MOST_BUDGET_SHARE = 0.5
_FLAGS = {
    "--subprocesses": "subprocesses", "--threads": "threads", "--top": "top", "--json": "json",
    "--open": "open", "--no-report": "no_report", "-q": "quiet", "--quiet": "quiet", "-h": "help",
    "--help": "help", "--inject": "inject", "--heap": "heap", "--block": "block", "--tasks": "tasks",
    "--gc": "gc",
}  # fmt: skip
_VALUES = {
    "-d": "duration", "--duration": "duration", "-r": "rate", "--rate": "rate", "-o": "output",
    "--output": "output", "--budget": "budget",
}  # fmt: skip


@dataclass(slots=True)
class Options:
    """The options of one call, checked.

    Attributes:
        dump: 0, or in which form stacks are printed: 1 equal ones once, 2 each of them.
        duration_s: None where none was asked for.
        asked_budget_share: of a CPU; None where none was asked for.
        flags: the words without a value, such as `top`.
    """

    pid: int = 0
    duration_s: float | None = None
    rate_hz: float = 100.0
    asked_budget_share: float | None = None
    dump: int = 0
    output: str | None = None
    flags: frozenset[str] = frozenset()

    @property
    def budget_share(self) -> float:
        """What looking at a process may take of a CPU."""
        if self.asked_budget_share is not None:
            return self.asked_budget_share
        return min(_BUDGET_SHARE_AT_100_HZ * self.rate_hz / 100, _MOST_BUDGET_SHARE)


def parse(argv: list[str]) -> Options:
    """Parse the arguments of `whet attach`.

    Raises:
        UsageError: an unknown option, a bad value, options that exclude each other, or no process.
    """
    options, rest, names = Options(), list(argv), []
    while rest:
        word = rest.pop(0)
        name, has_value, value = word.partition("=")
        if word in _FLAGS:
            options.flags |= {_FLAGS[word]}
        elif name == "--dump":
            options.dump = _dump(value if has_value else "1")
        elif name in _VALUES:
            if not has_value and not rest:
                raise UsageError(f"{name} needs a value", hint="see whet attach --help")
            _set(options, _VALUES[name], name, value if has_value else rest.pop(0))
        elif word.startswith("-"):
            raise UsageError(f"whet attach has no option {name}", hint="see whet attach --help")
        else:
            names.append(word)
    if "help" in options.flags:
        return options
    options.pid = _pid(names)
    if options.dump and "top" in options.flags:
        raise UsageError("--dump and --top exclude each other")
    if "top" in options.flags and "json" in options.flags:
        raise UsageError("--top and --json exclude each other")
    _check_inject(options)
    return options


def _check_inject(options: Options) -> None:
    if "inject" not in options.flags:
        for name in _COLLECTORS:
            if name in options.flags:
                raise UsageError(
                    f"--{name} needs --inject", hint="from outside only computing and waiting are seen"
                )
        return
    others = [f"--{name}" for name in ("top", "subprocesses", "threads") if name in options.flags]
    others += ["--dump"] if options.dump else []
    others += ["--budget"] if options.asked_budget_share is not None else []
    if others:
        raise UsageError(f"--inject and {others[0]} exclude each other")
    if options.rate_hz != int(options.rate_hz):
        raise UsageError("--rate: with --inject it is a whole number")


def _pid(names: list[str]) -> int:
    if len(names) != 1:
        raise UsageError("whet attach needs one process", hint="whet attach PID; ps -C python3 lists some")
    if not names[0].isascii() or not names[0].isdigit() or not 0 < int(names[0]) < 1 << 31:
        raise UsageError(f"{names[0]!r} is not the number of a process", hint="ps -C python3 lists some")
    return int(names[0])


def _dump(text: str) -> int:
    if text not in ("1", "2"):
        raise UsageError(f"--dump: {text!r} is neither 1 nor 2")
    return int(text)


def _set(options: Options, field: str, name: str, text: str) -> None:
    if field == "output":
        options.output = text
    elif field == "rate":
        options.rate_hz = _rate(name, text)
    elif field == "budget":
        options.asked_budget_share = _share(name, text)
    else:
        options.duration_s = _duration_s(name, text)


def _rate(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{name}: {text!r} is not a number") from None
    if not 1 <= value <= MAX_RATE_HZ:
        raise UsageError(f"{name}: {text} does not lie between 1 and {MAX_RATE_HZ}")
    return value


def _share(name: str, text: str) -> float:
    number = text.removesuffix("%")
    try:
        value = float(number) / (100 if number != text else 1)
    except ValueError:
        raise UsageError(f"{name}: {text!r} is no share", hint='for example "5%" or "0.05"') from None
    if not 0.001 <= value <= 1:
        raise UsageError(f"{name}: {text} does not lie between 0.1% and 100%")
    return value


def _duration_s(name: str, text: str) -> float:
    seconds = parse_duration_s(text)
    if seconds is None:
        seconds = parse_duration_s(f"{text}s")  # a bare number is seconds, as in `whet run`
    if seconds is None or seconds > 1e7:
        raise UsageError(f"{name}: {text!r} is no time", hint='for example "10s" or "2m"')
    return seconds
