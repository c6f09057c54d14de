"""`whet bench`: results in Go's benchmark format, progress beside them.

Results go to stdout, talk to stderr. Exit status 0, 1 when a benchmark failed, 2 for a wrong call.
"""

from __future__ import annotations

import re
import time

from whet.cli.bench_options import HELP, Call, parse
from whet.cli.streams import Streams
from whet.collect.bench_names import public_name
from whet.driver.bench import Measured, Options, configuration, find, measure_all
from whet.driver.bench_command import is_go
from whet.driver.bench_process import Found, Job, list_benchmarks
from whet.driver.lock import MachineLock, lock_directory
from whet.errors import UsageError
from whet.render.bench.json import result_record, results_document
from whet.render.bench.lines import certificate_line, configuration_lines, result_line

__all__ = ["Progress", "choose", "main"]

PROGRESS_AFTER_S = 1.0


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet bench ARGV...`; return the exit status."""
    call = parse(argv)
    if call.help:
        streams.write(HELP)
        return 0
    foreign = bool(call.command) or is_go(call.paths)
    jobs = [] if foreign else _jobs(call)
    if call.no_lock or call.list:
        return _run(jobs, call, streams)
    lock = MachineLock(lock_directory())
    with lock.held("whet bench", waiting=lambda: streams.talk("whet: waiting for the machine lock")):
        return _run(jobs, call, streams)


def _jobs(call: Call) -> list[Job]:
    if call.statement is None:
        return find(call.paths)
    return [Job(statement=call.statement, setup=call.setup)]


def _run(jobs: list[Job], call: Call, streams: Streams) -> int:
    progress = Progress(streams, quiet=call.quiet)
    if not jobs:
        from whet.cli import bench_command

        run = bench_command.run if call.command else bench_command.run_go
        return run(call, streams, progress)
    if "trace" in call.given:
        raise UsageError(
            "--trace is for Go packages only: whet records no execution traces of Python",
            hint="--blockprofile tells what a benchmark waits for",
        )
    if call.revision:
        from whet.cli import bench_versus

        return bench_versus.run(jobs, call, streams, progress)
    found = choose([one for job in jobs for one in list_benchmarks(job)], call.options, streams)
    if call.list:
        streams.write("".join(f"{one.function}\n" for one in found))
        return 0
    failed = _measure(found, call, streams, progress)
    if call.profiles:
        failed |= _record(found, call, streams, progress)
    return int(failed)


def _record(found: list[Found], call: Call, streams: Streams, progress: Progress) -> bool:
    """Write the profiles; return whether something is missing in them."""
    from whet.driver.bench_profile import write_profiles

    try:
        problems = write_profiles(found, call.options, call.profiles, progress.say)
    finally:
        progress.clear()
    for problem in problems:
        streams.talk(f"whet: {', '.join(call.profiles.values())}: {problem}")
    return bool(problems)


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


def _measure(found: list[Found], call: Call, streams: Streams, progress: Progress) -> bool:
    shown: dict[str, str] = {}
    records: list[dict[str, object]] = []
    failed = False
    for results in measure_all(found, call.options, progress.say):
        progress.clear()
        width = max(len(result.name) for result in results)
        for result in results:
            failed |= bool(result.error)
            known = configuration(result.job)
            if call.format == "json":
                records.append(
                    result_record(
                        result.name, known, result.iterations, result.values, result.certificate, result.error
                    )
                )
                continue
            for line in configuration_lines({k: v for k, v in known.items() if shown.get(k) != v}):
                streams.write(f"{line}\n")
            shown |= known
            _show(result, width, call, streams)
        streams.flush()
    if call.format == "json":
        streams.write(results_document(records))
    return failed


def _show(result: Measured, width: int, call: Call, streams: Streams) -> None:
    if result.error:
        streams.write(f"--- FAIL: {result.name}\n    {result.error}\n")
        return
    streams.write(result_line(result.name, width, result.iterations, result.values) + "\n")
    if result.certificate and not call.quiet:
        streams.write(certificate_line(result.name, result.certificate) + "\n")


class Progress:
    """One line on a terminal that says what runs, after the first second."""

    def __init__(self, streams: Streams, *, quiet: bool) -> None:
        self._streams = streams
        self._on = not quiet and streams.err.isatty()
        self._begin_s = time.monotonic()
        self._shown = False

    @property
    def is_on(self) -> bool:
        """Whether anything is ever shown."""
        return self._on

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
