"""`whet run`: options, the order of things, and what is said at the end.

Everything is said on stderr: stdout belongs to the program. The program's own exit status is
ours, whatever happens to the recording; 2 before the program has started.
"""

from __future__ import annotations

import os
from contextlib import suppress

from whet.cli.run_options import HELP, Options, parse
from whet.cli.streams import Streams
from whet.driver.run import Outcome, add_summaries, execute, load_profiles, plan, write_meta, write_report
from whet.driver.supervise import die_by
from whet.errors import WhetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from whet.driver.run import Recorded
    from whet.driver.summary import Summary

__all__ = ["main", "summary_tables"]


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet run ARGV...`; return the program's exit status or die by its signal."""
    options = parse(argv)
    if "help" in options.flags:
        streams.write(HELP)
        return 0
    planned = plan(options.target, settings=options.settings, directory=options.output)
    outcome = execute(planned)
    # The recording is complete by now; whatever happens to the talk, the program's status counts.
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _conclude(outcome, options, streams)
    if outcome.ending.signal is not None:
        die_by(outcome.ending.signal)
    return outcome.ending.exit_status or 0


def _conclude(outcome: Outcome, options: Options, streams: Streams) -> None:
    """Make the report, say what was found and where it lies."""
    quiet, wants_report = "quiet" in options.flags, "no_report" not in options.flags
    report: str | None = None
    if outcome.has_profile and (wants_report or not quiet):
        try:
            profiles = load_profiles(outcome)
            summaries = add_summaries(outcome, profiles)
            if not quiet:
                streams.talk("\n\n".join(summary_tables(summaries, outcome, streams)))
            report = write_report(outcome, profiles) if wants_report else None
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


def summary_tables(summaries: dict[str, Summary], outcome: Recorded, streams: Streams) -> Iterator[str]:
    """Yield a table of the biggest boxes of each profile, as the user's terminal wants it."""
    from whet.render.summary import render_summary

    terminal = streams.err.isatty() and os.environ.get("TERM") != "dumb"
    width = 100
    with suppress(OSError, ValueError):
        width = os.get_terminal_size(streams.err.fileno()).columns or width
    colour = terminal and "NO_COLOR" not in os.environ
    for number, (name, summary) in enumerate(summaries.items()):
        title = name.lower() if number else ""
        table = render_summary(summary, colour=colour, width=width, root=outcome.cwd, title=title)
        yield table.rstrip("\n")


def _closing_lines(outcome: Outcome, report: str | None) -> list[str]:
    lines = []
    if outcome.trouble:
        lines.append(outcome.trouble)
    reason = outcome.meta["partial_reason"]
    if reason:
        lines.append(f"partial: {reason}; {_what_there_is(outcome)}")
    if outcome.has_profile:
        lines.append(f"recording in {outcome.directory}{_of_processes(outcome)}")
        if report:
            lines.append(f"open {report} in a browser, or: whet prof {outcome.directory}/cpu.pb.gz")
    return lines


def _of_processes(outcome: Outcome) -> str:
    others = outcome.meta["processes"]
    assert isinstance(others, list)
    if not others:
        return ""
    partial = sum(bool(one["partial"]) for one in others)
    doubt = f", {partial} of them in part" if partial else ""
    return f" of {len(others) + 1} processes{doubt}, told apart by the label `process`"


def _what_there_is(outcome: Outcome) -> str:
    session = outcome.meta["session"]
    if not outcome.has_profile or not isinstance(session, dict):
        return "there is no profile"
    return f"the recording holds its first {session['recorded_ns'] / 1e9:.1f} s"
