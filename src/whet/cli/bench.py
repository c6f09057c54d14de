"""`whet bench`: options, progress, and results in Go's benchmark format.

Results go to stdout, talk to stderr. Exit status 0, 1 when a benchmark failed, 2 for a wrong call.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace

from whet.cli.streams import Streams
from whet.collect.bench_worker import public_name
from whet.driver.bench import Measured, Options, configuration, find, measure_all
from whet.driver.bench_process import Found, Job, list_benchmarks
from whet.driver.lock import MachineLock, lock_directory
from whet.errors import UsageError
from whet.render.bench.lines import certificate_line, configuration_lines, result_line

__all__ = ["HELP", "Call", "Progress", "choose", "main", "parse"]

HELP = """\
usage: whet bench [OPTIONS] [PATH...]
       whet bench [OPTIONS] --stmt CODE [--setup CODE]
       whet bench [OPTIONS] --vs REVISION [PATH...]

Run the benchmarks bench_*(b) in files bench_*.py, each in several fresh processes with different hash
seeds, in random order, and print results in Go's benchmark format. A PATH is a file or a directory
(default: the current one). Slices of time in which other processes got in the way are left out, and
what the loop itself costs is taken off; `#` lines say how noisy it was.

      --bench REGEX      only these; one regular expression for each /-separated part of a name
      --benchtime T      time in the loop for each result ("1s", "300ms"), or "100x": iterations a process
      --count N          measure N results of each (default: 1; 10 for `whet stat`)
      --benchmem         count allocations: B/op and allocs/op
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
      --format FORMAT    of the comparison: text or markdown

      --no-lock          do not wait for other measurements (see whet lock)
  -q, --quiet            no progress and no noise lines
  -h, --help             show this help

Go's single dash works too: -bench, -benchtime, -count, -benchmem, -cpu.
"""

_FLAGS = {
    "benchmem": "memory",
    "list": "list",
    "no-lock": "no_lock",
    "quiet": "quiet",
    "q": "quiet",
    "help": "help",
    "h": "help",
}
_VALUES = (
    "bench", "benchtime", "count", "cpu", "processes", "seed", "stmt", "setup",
    "vs", "threshold", "timeout", "format",
)  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
PROGRESS_AFTER_S = 1.0


@dataclass(slots=True)
class Call:
    """A parsed command line."""

    options: Options
    paths: list[str]
    statement: str | None = None
    setup: str = ""
    revision: str = ""
    threshold: float = 0.02
    timeout_s: float = 10.0
    format: str = "text"
    memory: bool = False
    list: bool = False
    no_lock: bool = False
    quiet: bool = False
    help: bool = False


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet bench ARGV...`; return the exit status."""
    call = parse(argv)
    if call.help:
        streams.write(HELP)
        return 0
    if call.statement is None:
        jobs = find(call.paths)
    else:
        jobs = [Job(statement=call.statement, setup=call.setup)]
    if call.no_lock or call.list:
        return _run(jobs, call, streams)
    lock = MachineLock(lock_directory())
    with lock.held("whet bench", waiting=lambda: streams.talk("whet: waiting for the machine lock")):
        return _run(jobs, call, streams)


def _run(jobs: list[Job], call: Call, streams: Streams) -> int:
    progress = Progress(streams, quiet=call.quiet)
    if call.revision:
        from whet.cli import bench_versus

        return bench_versus.run(jobs, call, streams, progress)
    found = choose([one for job in jobs for one in list_benchmarks(job)], call.options, streams)
    if call.list:
        streams.write("".join(f"{one.function}\n" for one in found))
        return 0
    return _measure(found, call, streams, progress)


def choose(found: list[Found], options: Options, streams: Streams) -> list[Found]:
    """Return the benchmarks whose names match, and say what is doubtful about them.

    Raises:
        UsageError: there is none.
    """
    chosen = [one for one in found if _may_match(one, options)]
    for one in chosen:
        for doubt in one.doubts:
            streams.talk(f"whet: {one.job.path or 'statement'}: {one.function}: {doubt}")
    if not chosen:
        raise UsageError("no benchmark to run", hint="they are functions bench_*(b) in files bench_*.py")
    return chosen


def _measure(found: list[Found], call: Call, streams: Streams, progress: Progress) -> int:
    shown: dict[str, str] = {}
    failed = False
    for results in measure_all(found, call.options, progress.say):
        progress.clear()
        width = max(len(result.name) for result in results)
        for result in results:
            changed = {
                key: value for key, value in configuration(result.job).items() if shown.get(key) != value
            }
            shown |= changed
            for line in configuration_lines(changed):
                streams.write(f"{line}\n")
            failed |= _show(result, width, call, streams)
        streams.flush()
    return int(failed)


def _show(result: Measured, width: int, call: Call, streams: Streams) -> bool:
    """Write one result; return whether it failed."""
    if result.error:
        streams.write(f"--- FAIL: {result.name}\n    {result.error}\n")
        return True
    streams.write(result_line(result.name, width, result.iterations, result.values) + "\n")
    if result.certificate and not call.quiet:
        streams.write(certificate_line(result.name, result.certificate) + "\n")
    return False


class Progress:
    """One line on a terminal that says what runs, after the first second."""

    def __init__(self, streams: Streams, *, quiet: bool) -> None:
        self._streams = streams
        self._on = not quiet and streams.err.isatty()
        self._begin_s = time.monotonic()
        self._shown = False

    def say(self, text: str) -> None:
        if self._on and time.monotonic() - self._begin_s >= PROGRESS_AFTER_S:
            self._streams.err.write(f"\r\x1b[K{text}".encode())
            self._streams.err.flush()
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._streams.err.write(b"\r\x1b[K")
            self._streams.err.flush()
            self._shown = False


def _may_match(one: Found, options: Options) -> bool:
    if one.job.statement is not None:
        return True
    return any(re.search(options.pattern[0], name) for name in (one.function, public_name(one.function)))


def parse(argv: list[str]) -> Call:
    """Parse the arguments of `whet bench`.

    Raises:
        UsageError: an unknown option or a bad value.
    """
    call, rest = Call(Options(), []), list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            call.paths += rest
            break
        if not word.startswith("-"):
            call.paths.append(word)
            continue
        name, given, value = word.lstrip("-").partition("=")
        if name in _FLAGS and not given:
            setattr(call, _FLAGS[name], True)
        elif name in _VALUES:
            if not given and not rest:
                raise UsageError(f"{word} needs a value", hint="see whet bench --help")
            _set(call, name, value if given else rest.pop(0))
        else:
            raise UsageError(f"whet bench has no option {word}", hint="see whet bench --help")
    if call.revision and call.statement is not None:
        raise UsageError("--vs compares files of benchmarks, not a statement")
    if call.statement is not None and call.paths:
        raise UsageError("--stmt takes no files", hint="whet bench --stmt CODE [--setup CODE]")
    call.paths = call.paths or ["."]
    call.options = replace(call.options, memory=call.memory)
    return call


def _set(call: Call, name: str, text: str) -> None:
    texts = {"stmt": "statement", "setup": "setup", "vs": "revision"}
    whole = {"count", "processes", "seed"}
    if name in texts:
        setattr(call, texts[name], text)
    elif name in whole:
        call.options = replace(call.options, **{name: _whole(f"--{name}", text)})  # type: ignore[arg-type]
    elif name == "bench":
        call.options = replace(call.options, pattern=_pattern(text))
    elif name == "benchtime":
        call.options = _benchtime(call.options, text)
    elif name == "cpu":
        numbers = tuple(_whole("--cpu", part) for part in text.split(","))
        call.options = replace(call.options, cpus=numbers)
    elif name == "threshold":
        call.threshold = _share(text)
    elif name == "timeout":
        call.timeout_s = _duration_s("--timeout", text)
    elif text in ("text", "markdown"):
        call.format = text
    else:
        raise UsageError(f"--format: {text!r} is not text or markdown")


def _pattern(text: str) -> tuple[str, ...]:
    parts = tuple(text.split("/"))
    for part in parts:
        try:
            re.compile(part)
        except re.error as error:
            raise UsageError(f"--bench: {part!r} is no regular expression: {error}") from None
    return parts


def _benchtime(options: Options, text: str) -> Options:
    if text.endswith("x"):
        return replace(options, iterations=_whole("--benchtime", text[:-1]))
    return replace(options, budget_s=_duration_s("--benchtime", text))


def _duration_s(name: str, text: str) -> float:
    parts = _DURATION.findall(text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or seconds <= 0:
        raise UsageError(f"{name}: {text!r} is no time", hint='for example "1s" or "300ms"')
    return seconds


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"--threshold: {text!r} is no share", hint='for example "2%"')
    return share


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 1_000_000_000:
        raise UsageError(f"{name}: {text!r} is not a whole number above 0")
    return int(text)
