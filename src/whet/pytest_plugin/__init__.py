"""The pytest plugin: benchmarks in pytest, and a `benchmark` fixture for suites written for pytest-benchmark.

PYTEST_DONT_REWRITE: nothing here asserts, and importing stays cheap. This module is loaded by every pytest
of an environment that has whet in it, so it only registers options; all else is imported when it is
used. What `pytest --whet-bench` collects is in `collection`, the fixture in `suite` and `fixture`.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

__all__: list[str] = []

# Plugins with a `benchmark` fixture of their own, which keep it: names of entry points and of modules.
OTHERS = {
    "benchmark": "pytest-benchmark",
    "pytest_benchmark.plugin": "pytest-benchmark",
    "codspeed": "pytest-codspeed",
    "pytest_codspeed.plugin": "pytest-codspeed",
}
SUITE = "whet-benchmark-fixture"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add whet's own options."""
    group = parser.getgroup("whet", "whet: benchmarks")
    group.addoption(
        "--whet-bench", action="store_true",
        help="collect functions bench_*(b) in files bench_*.py and run them as `whet bench` does",
    )  # fmt: skip
    group.addoption(
        "--whet-bench-output", metavar="FILE",
        help="add results to FILE in Go's benchmark format, for `whet stat`",
    )  # fmt: skip
    group.addoption(
        "--whet-bench-time", metavar="TIME", type=_benchtime,
        help='time for each result of a bench_*(b): "1s" (the default), "300ms", or "100x" iterations',
    )  # fmt: skip
    group.addoption(
        "--whet-bench-count", metavar="N", type=_whole, help="results for each bench_*(b) (default: 1)"
    )
    group.addoption(
        "--whet-bench-processes", metavar="N", type=_whole,
        help="fresh processes for each result of a bench_*(b) (default: 5)",
    )  # fmt: skip
    group.addoption("--whet-bench-mem", action="store_true", help="count allocations too: B/op and allocs/op")
    group.addoption(
        "--whet-bench-no-lock", action="store_true",
        help="measure bench_*(b) without waiting for other measurements (see whet lock)",
    )  # fmt: skip


def _benchtime(text: str) -> object:
    from whet.driver.bench import Options
    from whet.driver.bench_options import parse_benchtime
    from whet.errors import UsageError

    try:
        return parse_benchtime(Options(), "time", text)
    except UsageError as error:
        raise ArgumentTypeError(str(error)) from None


def _whole(text: str) -> int:
    from whet.driver.bench_options import parse_whole
    from whet.errors import UsageError

    try:
        return parse_whole("number", text)
    except UsageError as error:
        raise ArgumentTypeError(str(error)) from None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Offer the `benchmark` fixture where nobody else does; every plugin but conftest files is known now."""
    manager = early_config.pluginmanager
    if fixture_owner(early_config) or manager.hasplugin(SUITE) or manager.is_blocked(SUITE):
        return
    import copy

    from whet.pytest_plugin import suite

    manager.register(suite, SUITE)
    # Options came too late for the look at the command line that finds conftest files: values
    # such as that of `--benchmark-json FILE` are not to be taken for files of tests.
    early_config.known_args_namespace = parser.parse_known_args(
        args, namespace=copy.copy(early_config.option)
    )


def fixture_owner(config: pytest.Config) -> str:
    """Return the name of the plugin that offers the `benchmark` fixture instead of us, '' if none does."""
    manager = config.pluginmanager
    known = next((name for name in OTHERS if manager.hasplugin(name)), "")
    if known:
        return known
    ours = manager.get_plugin(SUITE)
    others = (plugin for plugin in manager.get_plugins() if plugin is not ours)
    return next((manager.get_name(p) or "" for p in others if "benchmark" in getattr(p, "__dict__", ())), "")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say whose the `benchmark` fixture is, if it is not ours and somebody may ask."""
    owner = fixture_owner(config)
    if owner and (config.getoption("verbose") > 0 or config.getoption("whet_bench_output")):
        return f"whet: the benchmark fixture is {OTHERS.get(owner, owner)}'s; -p no:{owner} gives it to whet"
    return None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file of benchmarks."""
    if file_path.suffix != ".py" or not file_path.name.startswith("bench_"):
        return None
    asked = parent.config.getoption("whet_bench")
    if not asked and not parent.session.isinitpath(file_path):
        return None
    from whet.pytest_plugin import collection

    return collection.collect_file(file_path, parent, asked=asked)
