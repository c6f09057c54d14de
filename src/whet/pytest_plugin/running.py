"""Measuring the files of benchmarks that pytest has collected, and printing what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from whet.collect.bench_names import public_name
from whet.driver.bench import Measured, Options, configuration, measure_all
from whet.driver.bench_process import Found
from whet.driver.bench_storage import add_results
from whet.driver.lock import MachineLock, lock_directory
from whet.errors import WhetError
from whet.render.bench.lines import certificate_line, configuration_lines, result_line

__all__ = ["BenchmarkRunner", "Failure", "is_side_by_side"]


class Failure(Exception):  # noqa: N818 (what pytest shows is its text)
    """A benchmark could not be measured."""


def is_side_by_side(config: pytest.Config) -> bool:
    """Say whether this process is one of several that run tests."""
    return hasattr(config, "workerinput")


class BenchmarkRunner:
    """The hooks of a run that has files of benchmarks.

    Args:
        kind: the class of the items to measure; each has `found`.
    """

    def __init__(self, kind: type[pytest.Item]) -> None:
        self._kind = kind
        self._measured: list[Measured] = []
        self._error = ""

    def failures(self, found: Found) -> list[str]:
        """Return why a function, or a part of it, could not be measured."""
        if self._error:
            return [self._error]
        name = f"Benchmark{public_name(found.function)}"
        results = [r for r in self._measured if r.job == found.job and r.name.partition("/")[0] == name]
        if not results:
            return ["it was not measured"]
        return [f"{result.name}: {result.error}" for result in results if result.error]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Measure, before the first test."""
        option = session.config.option
        found = [item.found for item in session.items if isinstance(item, self._kind)]  # type: ignore[attr-defined]
        stopped = session.testsfailed and not option.continue_on_collection_errors
        left_out = getattr(option, "benchmark_disable", False) or (
            getattr(option, "benchmark_skip", False) and not getattr(option, "benchmark_only", False)
        )
        if not found or stopped or left_out or option.collectonly or is_side_by_side(session.config):
            return
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        try:
            self._measure(found, session.config, reporter)
        except WhetError as error:
            self._error = str(error)

    def _measure(
        self, found: list[Found], config: pytest.Config, reporter: pytest.TerminalReporter | None
    ) -> None:
        def talk(text: str) -> None:
            if reporter is not None and reporter.isatty:
                reporter.rewrite(f"whet: {text}", erase=True)

        options = _options(config)
        if config.option.whet_bench_no_lock:
            self._measured = [one for results in measure_all(found, options, talk) for one in results]
        else:
            lock = MachineLock(lock_directory())
            with lock.held("pytest --whet-bench", waiting=lambda: talk("waiting for the machine lock")):
                self._measured = [one for results in measure_all(found, options, talk) for one in results]
        talk("")

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Print results."""
        good = [result for result in self._measured if not result.error]
        if not good:
            return
        lines = list(_lines(good))
        terminalreporter.section("whet bench")
        for line in lines:
            terminalreporter.write_line(line)
        path = config.option.whet_bench_output
        if path:
            try:
                add_results(path, lines)
            except WhetError as error:
                raise pytest.UsageError(f"--whet-bench-output: {error}") from None
            terminalreporter.write_line(f"whet: {len(good)} results added to {path}")


def _options(config: pytest.Config) -> Options:
    option = config.option
    options: Options = option.whet_bench_time or Options()
    return replace(
        options,
        count=option.whet_bench_count or options.count,
        processes=option.whet_bench_processes or options.processes,
        memory=option.whet_bench_mem,
    )


def _lines(results: list[Measured]) -> Iterator[str]:
    shown: dict[str, str] = {}
    width = max(len(result.name) for result in results)
    for result in results:
        wanted = configuration(result.job)
        yield from configuration_lines({k: v for k, v in wanted.items() if shown.get(k) != v})
        shown = wanted
        yield result_line(result.name, width, result.iterations, result.values)
        if result.certificate:
            yield certificate_line(result.name, result.certificate)
