"""The options of `whet run`, and its help.

Parsed by hand: what follows the program's name is the program's, whatever it looks like, and
nothing is imported that a program's start would have to wait for.
"""

from __future__ import annotations

from whet.collect.settings import DEFAULT_MEAN_BYTES, DEFAULT_THRESHOLD_NS, Settings
from whet.errors import UsageError
from whet.units import parse_duration_s, parse_size

__all__ = ["HELP", "Options", "parse"]

HELP = """\
usage: whet run [OPTIONS] SCRIPT [ARGS...]
       whet run [OPTIONS] -m MODULE [ARGS...]
       whet run [OPTIONS] -c CODE [ARGS...]

Run a Python program as `python` would, record where its time and memory go, and show the biggest
boxes. The exit status is the program's.

What is recorded (CPU time always):
  --heap              allocations and memory in use
  --block             waits: for locks, the GIL, sockets, files, children, sleep; and who made others wait
  --tasks             asyncio: labels `task` and `coroutine` on all samples, waits of tasks, slow steps
  --threads           what all threads and tasks do, with how long they have been at it, when most are there
  --gc                garbage collections
  --all               all of these
  --rate HZ           samples per second of CPU time, 1 to 10000 (default: 100)
  --heap-rate BYTES   mean allocated bytes between two samples of the heap, 512kB; 1 is every allocation
  --block-threshold D leave out shorter waits, such as 50us or 1ms (default: 100us)
  --duration SECONDS  record only the first SECONDS; the program runs on
  --no-follow         do not record the Python programs and workers that it starts

Where it goes:

  -o, --output DIR    record into DIR; a recording there is replaced, anything else is refused
                      (default: a new directory whet-DATE-TIME-PROGRAM)
  --open              open the report in a browser
  --no-report         write no report.html
  -q, --quiet         say nothing
  -h, --help          show this help

The recording holds cpu.pb.gz, with the options above heap.pb.gz, heap_peak.pb.gz, block.pb.gz, mutex.pb.gz,
wall.pb.gz (computing and waiting in one), tasks.pb.gz, slow.pb.gz, threads.pb.gz and gc.txt (profiles are for
`whet prof` and `go tool pprof`), report.html and meta.json.
"""

MAX_RATE_HZ = 10_000
_WITH_VALUE = {
    "-o": "output",
    "--output": "output",
    "--rate": "rate",
    "--heap-rate": "heap_rate",
    "--block-threshold": "block_threshold",
    "--duration": "duration",
}
_FLAGS = {
    "--heap": "heap",
    "--block": "block",
    "--tasks": "tasks",
    "--threads": "threads",
    "--gc": "gc",
    "--all": "all",
    "--follow": "follow",
    "--no-follow": "no_follow",
    "--open": "open",
    "--no-report": "no_report",
    "-q": "quiet",
    "--quiet": "quiet",
    "-h": "help",
    "--help": "help",
}


class Options:
    """The options of one run, checked.

    Attributes:
        output: the recording's directory, None for a new one.
        settings: what to collect.
        flags: the words without a value, such as `quiet`.
        target: the program and its arguments.
    """

    def __init__(self) -> None:
        self.output: str | None = None
        self.settings = Settings(follow=True)
        self.flags: set[str] = set()
        self.target: list[str] = []


def parse(argv: list[str]) -> Options:
    """Parse the arguments of `whet run`; what follows the program's name is the program's.

    Raises:
        UsageError: an unknown option, a bad value, or no program.
    """
    options = Options()
    rest = list(argv)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest.pop(0)
        name, has_value, value = word.partition("=")
        if word in ("-m", "-c") or word[:2] in ("-m", "-c"):
            rest = [word[:2], *([word[2:]] if word[2:] else []), *rest]
            break
        if name in _WITH_VALUE:
            if not has_value and not rest:
                raise UsageError(f"{name} needs a value", hint="see whet run --help")
            _set(options, _WITH_VALUE[name], name, value if has_value else rest.pop(0))
        elif word in _FLAGS:
            options.flags.add(_FLAGS[word])
        else:
            raise UsageError(f"whet run has no option {name}", hint="see whet run --help")
    if rest[:1] == ["--"]:
        rest.pop(0)
    options.target = rest
    _choose_collectors(options)
    if not rest and "help" not in options.flags:
        raise UsageError("no program to run", hint="whet run SCRIPT, or -m MODULE, or -c CODE")
    if rest and rest[0] in ("-m", "-c") and len(rest) == 1:
        raise UsageError(f"{rest[0]} needs a value", hint="see whet run --help")
    return options


def _choose_collectors(options: Options) -> None:
    flags, settings = options.flags, options.settings
    settings.follow = "no_follow" not in flags
    settings.tasks = bool(flags & {"tasks", "all"})
    settings.threads = bool(flags & {"threads", "all"})
    settings.gc = bool(flags & {"gc", "all"})
    if flags & {"heap", "all"} and settings.heap_bytes is None:
        settings.heap_bytes = DEFAULT_MEAN_BYTES
    if flags & {"block", "all"} and settings.block_ns is None:
        settings.block_ns = DEFAULT_THRESHOLD_NS


def _set(options: Options, field: str, name: str, text: str) -> None:
    settings = options.settings
    if field == "output":
        options.output = text
    elif field == "rate":
        settings.rate_hz = _rate(name, text)
    elif field == "heap_rate":
        settings.heap_bytes = _size(name, text)
    elif field == "block_threshold":
        settings.block_ns = round(1e9 * _duration_s(name, text))
    else:
        settings.duration_s = _seconds(name, text)


def _rate(name: str, text: str) -> int:
    value = _number(name, text)
    if not 1 <= value <= MAX_RATE_HZ or value != int(value):
        raise UsageError(f"{name}: {text} is not a whole number from 1 to {MAX_RATE_HZ}")
    return int(value)


def _seconds(name: str, text: str) -> float:
    value = _number(name, text)
    if not 0 < value < float("inf"):
        raise UsageError(f"{name}: {text} is not a positive number of seconds")
    return value


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{name}: {text!r} is not a number") from None


def _duration_s(name: str, text: str) -> float:
    seconds = parse_duration_s(text)
    if seconds is None:
        raise UsageError(f"{name}: {text!r} is no time", hint='for example "50us" or "1ms"')
    return seconds


def _size(name: str, text: str) -> int:
    size = parse_size(text)
    if size is None:
        raise UsageError(f"{name}: {text!r} is no number of bytes", hint='for example "4096" or "64kB"')
    return size
