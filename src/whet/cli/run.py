"""`whet run`: options, the order of things, and what is said at the end.

Everything is said on stderr: stdout belongs to the program. The program's own exit status is
ours, whatever happens to the recording; 2 before the program has started.
"""

from __future__ import annotations

import os
from contextlib import suppress

from whet.cli.streams import Streams
from whet.collect.settings import Settings
from whet.driver.run import Outcome, add_summary, execute, load_profile, plan, write_meta, write_report
from whet.driver.supervise import die_by
from whet.errors import UsageError, WhetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.driver.summary import Summary

__all__ = ["HELP", "Options", "main", "parse"]

HELP = """\
usage: whet run [OPTIONS] SCRIPT [ARGS...]
       whet run [OPTIONS] -m MODULE [ARGS...]
       whet run [OPTIONS] -c CODE [ARGS...]

Run a Python program as `python` would, record where its CPU time goes, and show the biggest
boxes. The exit status is the program's.

  -o, --output DIR    record into DIR; a recording there is replaced, anything else is refused
                      (default: a new directory whet-DATE-TIME-PROGRAM)
  --rate HZ           samples per second of CPU time, 1 to 10000 (default: 100)
  --duration SECONDS  record only the first SECONDS; the program runs on
  --no-follow         do not record the Python programs and workers that it starts (--follow: default)
  --open              open the report in a browser
  --no-report         write no report.html
  -q, --quiet         say nothing
  -h, --help          show this help

The recording holds cpu.pb.gz (for `whet prof` and `go tool pprof`), report.html and meta.json.
"""

MAX_RATE_HZ = 10_000
_WITH_VALUE = {"-o": "output", "--output": "output", "--rate": "rate", "--duration": "duration"}
_FLAGS = {
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
    """The options of one run, checked."""

    def __init__(self) -> None:
        self.output: str | None = None
        self.rate_hz = 100
        self.duration_s: float | None = None
        self.flags: set[str] = set()
        self.target: list[str] = []


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet run ARGV...`; return the program's exit status or die by its signal."""
    options = parse(argv)
    if "help" in options.flags:
        streams.write(HELP)
        return 0
    settings = Settings(
        rate_hz=options.rate_hz, duration_s=options.duration_s, follow="no_follow" not in options.flags
    )
    planned = plan(options.target, settings=settings, directory=options.output)
    outcome = execute(planned)
    # The recording is complete by now; whatever happens to the talk, the program's status counts.
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _conclude(outcome, options, streams)
    if outcome.ending.signal is not None:
        die_by(outcome.ending.signal)
    return outcome.ending.exit_status or 0


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
    if not rest and "help" not in options.flags:
        raise UsageError("no program to run", hint="whet run SCRIPT, or -m MODULE, or -c CODE")
    if rest and rest[0] in ("-m", "-c") and len(rest) == 1:
        raise UsageError(f"{rest[0]} needs a value", hint="see whet run --help")
    return options


def _set(options: Options, field: str, name: str, text: str) -> None:
    if field == "output":
        options.output = text
        return
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{name}: {text!r} is not a number") from None
    if field == "rate":
        if not 1 <= value <= MAX_RATE_HZ or value != int(value):
            raise UsageError(f"{name}: {text} is not a whole number from 1 to {MAX_RATE_HZ}")
        options.rate_hz = int(value)
    else:
        if not 0 < value < float("inf"):
            raise UsageError(f"{name}: {text} is not a positive number of seconds")
        options.duration_s = value


def _conclude(outcome: Outcome, options: Options, streams: Streams) -> None:
    """Make the report, say what was found and where it lies."""
    quiet, wants_report = "quiet" in options.flags, "no_report" not in options.flags
    report: str | None = None
    if outcome.has_profile and (wants_report or not quiet):
        try:
            profile = load_profile(outcome)
            summary = add_summary(outcome, profile)
            if not quiet:
                streams.talk(_table(summary, outcome, streams))
            report = write_report(outcome, profile) if wants_report else None
        except (WhetError, OSError) as error:
            outcome.trouble = f"the report could not be made: {error}"
        except Exception as error:  # noqa: BLE001 (a mistake of ours must not cost the program's status)
            outcome.trouble = f"the report could not be made: {type(error).__name__}: {error}"
        write_meta(outcome)
    if not quiet:
        for line in _closing_lines(outcome, report):
            streams.talk(f"whet: {line}")
    if report and "open" in options.flags:
        import webbrowser
        from urllib.parse import quote

        webbrowser.open(f"file://{quote(report)}")


def _table(summary: Summary, outcome: Outcome, streams: Streams) -> str:
    from whet.render.summary import render_summary

    terminal = streams.err.isatty() and os.environ.get("TERM") != "dumb"
    width = 100
    with suppress(OSError, ValueError):
        width = os.get_terminal_size(streams.err.fileno()).columns or width
    colour = terminal and "NO_COLOR" not in os.environ
    return render_summary(summary, colour=colour, width=width, root=outcome.cwd).rstrip("\n")


def _closing_lines(outcome: Outcome, report: str | None) -> list[str]:
    lines = []
    if outcome.trouble:
        lines.append(outcome.trouble)
    reason = outcome.meta["partial_reason"]
    if reason:
        lines.append(f"partial: {reason}; {_what_there_is(outcome)}")
    if outcome.has_profile:
        lines.append(f"recording in {outcome.directory}")
        if report:
            lines.append(f"open {report} in a browser, or: whet prof {outcome.directory}/cpu.pb.gz")
    return lines


def _what_there_is(outcome: Outcome) -> str:
    session = outcome.meta["session"]
    if not outcome.has_profile or not isinstance(session, dict):
        return "there is no profile"
    return f"the recording holds its first {session['recorded_ns'] / 1e9:.1f} s"
