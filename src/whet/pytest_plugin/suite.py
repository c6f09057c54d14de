"""The part of the plugin that offers the `benchmark` fixture; registered where no other plugin does.

Options are always there, because suites pass them in their settings; what measures is imported
by the first test that asks for the fixture.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from whet.pytest_plugin import hookspecs, stand_in
from whet.pytest_plugin.options import add_options

if TYPE_CHECKING:
    from whet.pytest_plugin.fixture import BenchmarkFixture
    from whet.pytest_plugin.session import BenchmarkSession

__all__: list[str] = []

FIXTURES = {"benchmark", "benchmark_weave"}
PARALLEL = (
    "benchmarked functions were called once and not measured, because pytest-xdist runs tests side by side; "
    "hint: use -n 0 to measure, or --benchmark-disable to say so"
)
UNUSED = "the benchmark fixture was not used: call benchmark(function, ...)"
_session = pytest.StashKey["BenchmarkSession"]()
_fixture = pytest.StashKey["BenchmarkFixture"]()
_told = pytest.StashKey[bool]()


class BenchmarkWarning(pytest.PytestWarning):
    """Something about a benchmark that does not make its test fail."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add pytest-benchmark's options."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make pytest-benchmark's hooks known."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Check options that exclude each other, and say what the marker is."""
    option = config.option
    if option.benchmark_enable:
        option.benchmark_disable = False
    if option.benchmark_only and option.benchmark_disable:
        raise pytest.UsageError("--benchmark-only and --benchmark-disable exclude each other")
    if option.benchmark_compare_fail and not option.benchmark_compare:
        raise pytest.UsageError("--benchmark-compare-fail needs --benchmark-compare")
    path = option.benchmark_json
    if path and not Path(path).absolute().parent.is_dir():
        raise pytest.UsageError(f"--benchmark-json: {path}: there is no such directory")
    config.addinivalue_line(
        "markers",
        "benchmark(group, min_time, max_time, min_rounds, timer, ...): how the benchmark fixture measures",
    )
    # Suites read results from there in hooks of their own.
    config._benchmarksession = _LazySession(config)  # type: ignore[attr-defined]
    stand_in.install()


class _LazySession:
    """Stands for the session until somebody asks for something."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __getattr__(self, name: str) -> Any:
        return getattr(_session_of(self._config), name)


def _session_of(config: pytest.Config) -> BenchmarkSession:
    if _session not in config.stash:
        from whet.pytest_plugin.session import BenchmarkSession

        config.stash[_session] = BenchmarkSession(config, disabled=_is_disabled(config))
    return config.stash[_session]


def _is_disabled(config: pytest.Config) -> bool:
    return bool(config.option.benchmark_disable) or _is_parallel(config)


def _is_parallel(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture
def benchmark(request: pytest.FixtureRequest) -> Iterator[BenchmarkFixture]:
    """Measure a function: call this with it and its arguments, and get what it returns."""
    from whet.pytest_plugin.fixture import BenchmarkFixture
    from whet.pytest_plugin.names import describe
    from whet.pytest_plugin.options import fixture_options

    session = _session_of(request.config)
    mark = request.node.get_closest_marker("benchmark")
    if mark is not None and mark.args:
        pytest.fail("the benchmark marker takes keywords only", pytrace=False)
    try:
        options = fixture_options(request.config, dict(mark.kwargs) if mark else {})
    except TypeError as error:
        pytest.fail(f"the benchmark marker: {str(error).partition('() ')[2]}", pytrace=False)
    fixture = BenchmarkFixture(
        describe(request.node), options, disabled=session.disabled,
        memory=request.config.getoption("whet_bench_mem"), speed=session.speed,
        add=session.benchmarks.append, talk=session.talk,
    )  # fmt: skip
    session.used += 1
    request.node.stash[_fixture] = fixture
    yield fixture
    fixture.finish()
    if not (fixture.used or fixture.has_error or fixture.skipped):
        request.node.warn(BenchmarkWarning(UNUSED))


@pytest.fixture
def benchmark_weave(benchmark: BenchmarkFixture) -> Any:
    """Measure a function where others call it: call this with it, or with its dotted name."""
    return benchmark.weave


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what --benchmark-only and --benchmark-skip leave out, before any fixture is made."""
    option = item.config.option
    is_benchmark = bool(FIXTURES & set(getattr(item, "fixturenames", ()))) or is_benchmark_file_item(item)
    if option.benchmark_only:
        if not is_benchmark:
            pytest.skip("no benchmark (--benchmark-only)")
    elif option.benchmark_skip and is_benchmark:
        pytest.skip("a benchmark (--benchmark-skip)")


def is_benchmark_file_item(item: pytest.Item) -> bool:
    """Say whether this is a bench_*(b) of a file of benchmarks."""
    return getattr(item, "is_whet_benchmark", False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Tell the fixture that its test failed or was skipped."""
    fixture = item.stash.get(_fixture, None)
    if fixture is not None and call.excinfo is not None and call.when == "call":
        fixture.skipped = True
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save and compare results; a regression fails the run."""
    config = session.config
    if _session not in config.stash:
        return
    benchmarks = config.stash[_session]
    if _is_parallel(config):
        silent = config.option.benchmark_disable or config.option.benchmark_skip
        config.workeroutput["whet_benchmarks"] = 0 if silent else benchmarks.used  # type: ignore[attr-defined]
        return
    benchmarks.finish()
    if benchmarks.failures and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear from a worker of pytest-xdist whether it would have measured."""
    if getattr(node, "workeroutput", {}).get("whet_benchmarks"):
        node.config.stash[_told] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print results."""
    if config.stash.get(_told, False):
        terminalreporter.write_line(f"whet: {PARALLEL}", yellow=True)
    if _session in config.stash and not _is_parallel(config):
        from whet.pytest_plugin.report import write_results

        write_results(terminalreporter, config.stash[_session])


def pytest_unconfigure() -> None:
    """Take the stand-in for pytest-benchmark's modules away."""
    stand_in.remove()
