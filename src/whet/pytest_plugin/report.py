"""Results at the end of a run of pytest.

Lines of Go's benchmark format; where an option of pytest-benchmark's table is given, that table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pytest

from whet.driver.bench import configuration
from whet.driver.bench_process import Job
from whet.driver.bench_storage import add_results
from whet.errors import SourceError
from whet.pytest_plugin import table
from whet.pytest_plugin.record import Record
from whet.pytest_plugin.session import BenchmarkSession
from whet.render.bench.lines import certificate_line, configuration_lines, result_line

__all__ = ["result_lines", "write_results"]

ONE_PROCESS = (
    "# one process: another run has another hash seed and other addresses, and differs more than rounds do; "
    "hint: run pytest several times with --whet-bench-output FILE, then whet stat FILE"
)


def write_results(reporter: pytest.TerminalReporter, session: BenchmarkSession) -> None:
    """Print the results of a run, and what became of its files."""
    option = session.config.option
    records = session.measured
    if records:
        lines = list(result_lines(records))
        if not option.benchmark_quiet:
            reporter.section("benchmarks")
            is_table = table.is_wanted(session.config)
            for line in table.lines(records, session.config) if is_table else [*lines, ONE_PROCESS]:
                reporter.write_line(line)
        _profiles(reporter, session)
        if option.whet_bench_output:
            _add(reporter, option.whet_bench_output, lines)
    for line in session.lines:
        reporter.write_line(f"whet: {line}")
    for line in session.failures:
        reporter.write_line(f"whet: error: {line}", red=True)


def result_lines(records: Iterable[Record]) -> Iterable[str]:
    """Yield lines of Go's benchmark format: configuration where it changes, results, noise."""
    shown: dict[str, str] = {}
    known = configuration(Job())
    records = list(records)
    width = max(len(record.go_name) for record in records)
    for record in records:
        wanted: dict[str, str] = {
            **{key: known[key] for key in ("goos", "goarch") if key in known},
            "pkg": record.test.place,
            **known,
            **({"group": _word(record.group)} if record.group is not None else {}),
        }
        yield from (f"{key}:" for key in shown if key not in wanted)
        yield from configuration_lines({k: v for k, v in wanted.items() if shown.get(k) != v})
        shown = wanted
        found = record.estimate
        values = [(found.ns_per_op, "ns/op")]
        if record.allocations and record.allocations[0]:
            count, objects, size = record.allocations
            values += [(size / count, "B/op"), (objects / count, "allocs/op")]
        yield result_line(record.go_name, width, found.iterations, values)
        yield certificate_line(record.go_name, found.certificate)


def _add(reporter: pytest.TerminalReporter, path: str, lines: Sequence[str]) -> None:
    try:
        add_results(path, lines)
    except SourceError as error:
        raise pytest.UsageError(f"--whet-bench-output: {error}") from None
    count = sum(line.startswith("Benchmark") for line in lines)
    reporter.write_line(f"whet: {count} results added to {path}")


def _profiles(reporter: pytest.TerminalReporter, session: BenchmarkSession) -> None:
    for record in session.measured:
        if record.cprofile_stats is None:
            continue
        from whet.pytest_plugin.profile import profile_lines

        for line in profile_lines(record, session.config.option):
            reporter.write_line(line)


def _word(text: object) -> str:
    return re.sub(r"\s+", " ", str(text)).strip()
