"""Files of benchmarks in pytest: bench_*(b) in bench_*.py, run as `whet bench` runs them.

They are imported and measured in processes of their own: conftest files, fixtures and whatever pytest's own
process has grown to stay out of the measurement. All of them are measured before the first test, in
rounds, because turns taken in random order keep a slow minute of the machine from falling on one of them.
"""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whet.driver.bench import find
from whet.driver.bench_process import Found, list_benchmarks
from whet.errors import WhetError
from whet.pytest_plugin.running import BenchmarkRunner, Failure, is_side_by_side

__all__ = ["BenchmarkFile", "BenchmarkItem", "collect_file"]

RUNNER = "whet-bench-files"
SIDE_BY_SIDE = "benchmarks are not measured while pytest-xdist runs tests side by side (hint: -n 0)"


def collect_file(path: Path, parent: pytest.Collector, *, asked: bool) -> pytest.Collector | None:
    """Return a collector for a file of benchmarks, None for any other file.

    Args:
        path: of the file.
        parent: where it belongs in the tree of tests.
        asked: with --whet-bench, and not only by naming the file.
    """
    if not asked and _is_claimed(parent.config):
        return None
    if not _lines_of_benchmarks(path):
        return None
    manager = parent.config.pluginmanager
    if not manager.hasplugin(RUNNER):
        manager.register(BenchmarkRunner(BenchmarkItem), RUNNER)
    collector: pytest.Collector = BenchmarkFile.from_parent(parent, path=path)
    return collector


class BenchmarkFile(pytest.File):
    """A file of benchmarks."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield its benchmarks, as a process of their own lists them."""
        try:
            [job] = find([str(self.path)])
            listed = list_benchmarks(job)
        except WhetError as error:
            raise self.CollectError(str(error)) from None
        lines = _lines_of_benchmarks(self.path)
        for one in listed:
            yield BenchmarkItem.from_parent(
                self, name=one.function, found=one, line=lines.get(one.function, 1)
            )


class BenchmarkItem(pytest.Item):
    """One function bench_*(b)."""

    is_whet_benchmark = True

    def __init__(self, *, found: Found, line: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.found = found
        self._line = line

    def setup(self) -> None:
        """Skip where it was not measured."""
        if is_side_by_side(self.config):
            pytest.skip(SIDE_BY_SIDE)
        if self.config.getoption("benchmark_disable", False):
            pytest.skip("not measured (--benchmark-disable)")

    def runtest(self) -> None:
        """Fail if measuring it did."""
        runner = self.config.pluginmanager.get_plugin(RUNNER)
        assert isinstance(runner, BenchmarkRunner)
        for doubt in self.found.doubts:
            self.warn(pytest.PytestWarning(f"{self.name}: {doubt}"))
        failures = runner.failures(self.found)
        if failures:
            raise Failure("\n".join(failures))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show why it could not be measured, without a traceback through whet."""
        if isinstance(excinfo.value, Failure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where it is."""
        return self.path, self._line - 1, self.name


def _is_claimed(config: pytest.Config) -> bool:
    """Say whether functions bench_* are tests of this project."""
    return any(
        "bench_x".startswith(pattern) or fnmatch.fnmatch("bench_x", pattern)
        for pattern in config.getini("python_functions")
    )


def _lines_of_benchmarks(path: Path) -> dict[str, int]:
    """Return the lines of functions bench_* for whet; those for the `benchmark` fixture are none."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return {}
    return {
        node.name: node.lineno
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("bench_")
        and node.args.args
        and not any(argument.arg.startswith("benchmark") for argument in node.args.args)
    }
