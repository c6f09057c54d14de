"""`whet load`: send requests to an HTTP server and report how long the answers took.

The report goes to stdout, talk to stderr. Exit status: see HELP; 130 after Ctrl-C, with a partial report.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from whet.analyze.load.doubts import Client, Doubt
from whet.analyze.load.summary import Summary, summarize
from whet.analyze.load.totals import Totals
from whet.cli.bench import Progress
from whet.cli.load_options import HELP, Call, parse
from whet.cli.streams import Streams
from whet.driver.load.filing import Filing
from whet.driver.load.run import Outcome, run_load
from whet.errors import WhetError
from whet.render.load.csv import HEADER, csv_rows
from whet.render.load.json import document, report_record
from whet.render.load.text import doubt_text, progress_text, report_text

__all__ = ["HELP", "main", "parse"]

FAILED_STATUS = 1
INTERRUPTED_STATUS = 130


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet load ARGV...`; return the exit status."""
    call = parse(argv)
    if call is None:
        streams.write(HELP)
        return 0
    if call.note and not call.quiet:
        streams.talk(f"whet: {call.note}")
    if call.other:
        from whet.cli import load_compare

        return load_compare.run(call, call.other, streams)
    progress = Progress(streams, quiet=call.quiet)
    try:
        if call.format == "gobench":
            return _results(call, streams, progress)
        if call.profile_url:
            return _filed(call, call.profile_url, streams, progress)
        outcome = _run(call, streams, progress)
    finally:
        progress.clear()
    _report(outcome, call, streams)
    return _status(outcome)


def _run(call: Call, streams: Streams, progress: Progress, filing: Filing | None = None) -> Outcome:
    options = call.options
    begin_ns = 0
    has_header = False

    def measuring() -> None:
        nonlocal begin_ns
        begin_ns = time.perf_counter_ns()
        if filing:
            filing.start()

    def write_rows(block: npt.NDArray[np.int64]) -> None:
        nonlocal has_header
        streams.write(("" if has_header else HEADER) + csv_rows(block, begin_ns))
        has_header = True

    def show(elapsed_ns: int, totals: Totals) -> None:
        summary = summarize(totals, elapsed_ns, scheduled=bool(options.rate_hz))
        progress.say(progress_text(elapsed_ns, options.duration_s, options.requests, summary))

    try:
        return run_load(
            options,
            sink=write_rows if call.format == "csv" else None,
            progress=show if progress.is_on else None,
            measuring=measuring,
        )
    finally:
        progress.clear()


def _summary(outcome: Outcome) -> Summary:
    return summarize(outcome.totals, outcome.effort.wall_ns, scheduled=bool(outcome.options.rate_hz))


def _record(outcome: Outcome) -> dict[str, Any]:
    return report_record(
        _summary(outcome),
        outcome.effort,
        outcome.doubts,
        settings(outcome),
        client=outcome.client,
        partial_reason=outcome.partial_reason,
    )


def settings(outcome: Outcome) -> dict[str, Any]:
    """Return what was asked for, as JSON can hold it."""
    options = outcome.options
    return {
        "url": options.target.url,
        "method": options.target.message.method,
        "connections": options.connections,
        "requests": options.requests,
        "duration_s": options.duration_s or None,
        "rate_hz": options.rate_hz or None,
        "worker_rate_hz": options.worker_rate_hz or None,
        "timeout_s": options.timeout_s or None,
        "warm_up_s": options.warm_up_s,
        "http2": options.http2,
        "keep_alive": options.target.message.keep_alive,
        "dns_ns": outcome.dns_ns,
    }


def _report(outcome: Outcome, call: Call, streams: Streams) -> None:
    if call.format == "json":
        streams.write(document(_record(outcome)))
    elif call.format == "text":
        streams.write(report_text(_summary(outcome), client=outcome.client, rate_hz=outcome.options.rate_hz))
    streams.flush()
    if outcome.partial_reason:
        streams.talk(f"whet: partial: {outcome.partial_reason}; requests under way are not in it")
    if call.format == "csv" and outcome.totals.failures:
        streams.talk(f"whet: {outcome.totals.failures} requests failed, which have no line")
    tell(outcome.doubts, outcome.client, call, streams)


def tell(doubts: list[Doubt], client: Client, call: Call, streams: Streams, of: str = "") -> None:
    """Tell the user why to doubt the numbers of a load; `client` served it."""
    for doubt in doubts if not call.quiet else []:
        text, hint = doubt_text(doubt, client)
        streams.talk(f"whet: {of}{text}")
        streams.talk(f"hint: {hint}")


def _status(outcome: Outcome) -> int:
    if outcome.partial_reason:
        return INTERRUPTED_STATUS
    return FAILED_STATUS if outcome.totals.failures and not outcome.totals.answers else 0


def _results(call: Call, streams: Streams, progress: Progress) -> int:
    """Print a line of Go's benchmark format for each run."""
    from whet.render.load.gobench import header_lines, load_line

    target, status = call.options.target, 0
    configuration = {"connections": str(call.options.connections)}
    if call.options.rate_hz:
        configuration["rate"] = f"{call.options.rate_hz:g}"
    for number in range(call.count):
        outcome = _run(call, streams, progress)
        if not number:
            streams.write(header_lines(target.url, configuration))
        if outcome.totals.answers:
            streams.write(load_line(target.message.method, target.path, _summary(outcome)))
            streams.flush()
        if number in (0, call.count - 1) or outcome.totals.failures:
            tell(outcome.doubts, outcome.client, call, streams)
        status = max(status, _status(outcome))
        if outcome.partial_reason:
            streams.talk(f"whet: partial: {outcome.partial_reason} in run {number + 1} of {call.count}")
            break
    return status


def _filed(call: Call, profile_url: str, streams: Streams, progress: Progress) -> int:
    """Run a load while the server records itself; file and show both."""
    filing = Filing(profile_url, max(1, int(call.options.duration_s)), call.recording)
    try:
        outcome = _run(call, streams, progress, filing)
    except BaseException:
        filing.give_up()
        raise
    _report(outcome, call, streams)
    record = _record(outcome)
    progress.say("waiting for the server's profile")
    profile = filing.finish(record, document(record), outcome.partial_reason)
    progress.clear()
    from whet.driver.summary import summarize as biggest_boxes
    from whet.render.summary import render_summary

    width = 100
    with suppress(OSError, ValueError):
        width = os.get_terminal_size(streams.err.fileno()).columns or width
    try:
        streams.talk(render_summary(biggest_boxes(profile), colour=False, width=width).rstrip("\n"))
    except WhetError as error:
        streams.talk(f"whet: {error}")
    streams.talk(f"whet: recording in {filing.directory}")
    streams.talk(f"whet: whet prof {filing.directory} tells more")
    return _status(outcome)
