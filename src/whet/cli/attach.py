"""`whet attach`: what is looked at, and what is said of it.

Dumps and JSON are data and go to stdout, all talk goes to stderr. Exit status 0, or 2 where the process
cannot be read.
"""

from __future__ import annotations

import json
from contextlib import suppress

from whet.cli.attach_options import HELP, Options, parse
from whet.cli.run import summary_tables
from whet.cli.streams import Progress, Streams
from whet.collect.threads_text import counted_text, full_text
from whet.driver.attach import Attachment, Watching, attach, lowered_hz, record
from whet.driver.attach_live import Busiest, thread_rows
from whet.driver.run import Recorded, add_summaries, load_profiles, write_meta, write_report
from whet.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from whet.collect.remote.process import RemoteProcess
    from whet.collect.threads import Stack

__all__ = ["main"]

DEFAULT_DURATION_S = 10.0
_REFRESH_S = 1.0
_MOST_REASONS = 5  # for which processes are left out that are told
_TOP_LINES_LESS = 7  # of the terminal's: title, heading, frame, caption


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet attach ARGV...`; return the exit status."""
    options = parse(argv)
    if "help" in options.flags:
        streams.write(HELP)
        return 0
    if "top" in options.flags and not streams.out_is_terminal():
        raise UsageError(
            "--top needs a terminal", hint="without it, whet attach PID records and shows a table"
        )
    if "inject" in options.flags:
        _inject(options, streams)
        return 0
    attachment = attach(options.pid, subprocesses="subprocesses" in options.flags)
    if options.dump:
        _dump(attachment, options, streams)
    elif "top" in options.flags:
        _top(attachment, options)
    else:
        _record(attachment, options, streams)
    return 0


# ---- now ----------------------------------------------------------------------------------------


def _dump(attachment: Attachment, options: Options, streams: Streams) -> None:
    found = [(process, process.stacks()) for process in attachment.processes]
    if "json" in options.flags:
        streams.write(
            json.dumps([_dump_record(process, stacks) for process, stacks in found], indent=2) + "\n"
        )
        return
    for process, stacks in found:
        command = " ".join(process.command)
        streams.write(f"process {process.pid}: {command} (Python {process.version})\n")
        streams.write(counted_text(stacks) if options.dump == 1 else full_text(stacks))
        streams.write("\n")


def _dump_record(process: RemoteProcess, stacks: list[Stack]) -> dict[str, object]:
    threads = [
        {
            "id": stack.native_id,
            "name": stack.name,
            "state": stack.state,
            "frames": [
                {"function": name, "file": file, "line": line, "start_line": start}
                for name, file, line, start in stack.frames
            ],
        }
        for stack in stacks
    ]
    return {"pid": process.pid, "command": process.command, "python": process.version, "threads": threads}


# ---- live ---------------------------------------------------------------------------------------


def _top(attachment: Attachment, options: Options) -> None:
    from rich.console import Console
    from rich.live import Live

    from whet.render.attach import top_table

    console = Console()
    busiest = Busiest(attachment.processes)
    duration_s = options.duration_s or 1e7
    first = attachment.processes[0]
    with (
        suppress(KeyboardInterrupt),
        Watching(
            attachment,
            rate_hz=options.rate_hz,
            duration_s=duration_s,
            budget_share=options.budget_share,
        ) as watching,
        Live(console=console, auto_refresh=False, screen=True) as live,
    ):
        while watching.wait(_REFRESH_S):
            title = f"process {first.pid}: {' '.join(first.command)} (Python {first.version})"
            rows = busiest.rows(max(console.height - _TOP_LINES_LESS, 5))
            live.update(top_table(title, rows, _top_caption(attachment, watching)), refresh=True)


def _top_caption(attachment: Attachment, watching: Watching) -> str:
    looks = sum(process.statistics()["ticks"] for process in attachment.processes)
    waiting: dict[str, float] = {}
    for process in attachment.processes:
        for stack in process.stacks():
            waiting[stack.state] = waiting.get(stack.state, 0) + 1
    states = ", ".join(
        f"{count:.0f} {state}" for state, count in sorted(waiting.items(), key=lambda x: -x[1])
    )
    return f"{watching.elapsed_s():.0f} s, {looks:.0f} looks; threads now: {states}; Ctrl-C ends"


# ---- recording ----------------------------------------------------------------------------------


def _record(attachment: Attachment, options: Options, streams: Streams) -> None:
    duration_s = options.duration_s or DEFAULT_DURATION_S
    progress, show = _progress(options, streams)
    outcome = record(
        attachment,
        rate_hz=options.rate_hz,
        duration_s=duration_s,
        budget_share=options.budget_share,
        directory=options.output,
        progress=show,
    )
    progress.clear()
    _conclude(outcome, attachment, options, streams)


def _inject(options: Options, streams: Streams) -> None:
    from whet.collect.settings import DEFAULT_MEAN_BYTES, DEFAULT_THRESHOLD_NS, Settings
    from whet.driver.attach_inject import Injection

    injection = Injection(options.pid)
    settings = Settings(
        rate_hz=int(options.rate_hz),
        heap_bytes=DEFAULT_MEAN_BYTES if "heap" in options.flags else None,
        block_ns=DEFAULT_THRESHOLD_NS if "block" in options.flags else None,
        tasks="tasks" in options.flags,
        gc="gc" in options.flags,
    )
    progress, show = _progress(options, streams)
    outcome = injection.record(
        settings,
        duration_s=options.duration_s or DEFAULT_DURATION_S,
        directory=options.output,
        progress=show,
    )
    progress.clear()
    _conclude(outcome, None, options, streams)


def _progress(options: Options, streams: Streams) -> tuple[Progress, Callable[[float], None]]:
    progress = Progress(streams)
    what = f"recording process {options.pid}, seconds"
    duration_s = round(options.duration_s or DEFAULT_DURATION_S)

    def show(elapsed_s: float) -> None:
        if "quiet" not in options.flags:
            progress.show(what, int(elapsed_s), duration_s)

    return progress, show


def _conclude(outcome: Recorded, attachment: Attachment | None, options: Options, streams: Streams) -> None:
    report = _report(outcome, attachment, options, streams)
    if report and "open" in options.flags:
        import webbrowser
        from urllib.parse import quote

        webbrowser.open(f"file://{quote(report)}")


def _report(
    outcome: Recorded, attachment: Attachment | None, options: Options, streams: Streams
) -> str | None:
    quiet = "quiet" in options.flags
    profiles = load_profiles(outcome)
    summaries = add_summaries(outcome, profiles)
    report = None if "no_report" in options.flags else write_report(outcome, profiles)
    write_meta(outcome)
    if "json" in options.flags:
        streams.write(json.dumps(outcome.meta, indent=2) + "\n")
    if quiet:
        return report
    streams.talk("\n\n".join(summary_tables(summaries, outcome, streams)))
    if attachment and "threads" in options.flags:
        from whet.render.attach import thread_table

        streams.talk("\n" + thread_table(thread_rows(attachment.processes)))
    for line in _closing_lines(outcome, attachment, options, report):
        streams.talk(f"whet: {line}")
    return report


def _closing_lines(
    outcome: Recorded, attachment: Attachment | None, options: Options, report: str | None
) -> list[str]:
    lines = [outcome.trouble] if outcome.trouble else []
    if outcome.meta["partial_reason"]:
        lines.append(f"partial: {outcome.meta['partial_reason']}")
    if attachment:
        lines += _how_it_went(attachment, options)
    where = outcome.directory
    lines.append(f"recording in {where}")
    if report:
        lines.append(f"open {report} in a browser, or: whet prof {where}/cpu.pb.gz")
    return lines


def _how_it_went(attachment: Attachment, options: Options) -> list[str]:
    reasons = list(attachment.refused.values())
    lines = [f"left out: {reason}" for reason in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        lines.append(f"left out: {len(reasons) - _MOST_REASONS} more processes, see meta.json")
    if attachment.short_lived:
        lines.append(f"left out: {attachment.short_lived} that had ended before they could be looked at")
    lines.append(_quality(attachment))
    if lowered := lowered_hz(attachment, options.rate_hz):
        lines.append(
            f"{lowered:.0f} looks per second instead of {options.rate_hz:g}: each process may take"
            f" {options.budget_share:.3g} of a CPU (--budget), or this machine is busy"
        )
    return lines


def _quality(attachment: Attachment) -> str:
    """Return how much was seen, and what could not be."""
    sums: dict[str, float] = {}
    for process in attachment.processes:
        for name, value in process.statistics().items():
            sums[name] = sums.get(name, 0.0) + value
    doubts = [
        f"{sums[name]:.0f} {text}"
        for name, text in (
            ("moved", "in which the thread moved at every try (left out)"),
            ("rejected", "unreadable stacks (left out)"),
            ("unproved", "without proof that the thread stood still"),
        )
        if sums[name]
    ]
    told = "; " + ", ".join(doubts) if doubts else ", all stacks true"
    looks = f"{sums['ticks']:.0f} look{'s' * (sums['ticks'] != 1)}{told}"
    if not sums["elapsed_ns"]:
        return looks
    share, taken = (sums[name] / sums["elapsed_ns"] for name in ("own_cpu_ns", "window_ns"))
    return f"{looks}; looking took {share:.2%} of a CPU, {taken:.2%} of the program's"
