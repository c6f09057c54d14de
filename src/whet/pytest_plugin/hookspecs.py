"""The hooks of pytest-benchmark that suites implement in conftest.py.

Names and arguments are those of https://pytest-benchmark.readthedocs.io/en/latest/hooks.html.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import Any

import pytest

__all__: list[str] = []


@pytest.hookspec(firstresult=True)
def pytest_benchmark_scale_unit(
    config: Any, unit: str, benchmarks: Any, best: Any, worst: Any, sort: str
) -> tuple[str, float] | None:
    """Return a unit's prefix and its factor. Known, and never called: Go's units do not scale."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_machine_info(config: Any) -> dict[str, Any] | None:
    """Return what JSON says of the machine."""


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Change what JSON says of the machine."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_commit_info(config: Any) -> dict[str, Any] | None:
    """Return what JSON says of the commit."""


def pytest_benchmark_update_commit_info(config: Any, commit_info: dict[str, Any]) -> None:
    """Change what JSON says of the commit."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_group_stats(
    config: Any, benchmarks: list[Any], group_by: str
) -> list[tuple[str, list[Any]]] | None:
    """Return groups of results, each with its name."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_json(
    config: Any,
    benchmarks: list[Any],
    include_data: bool,
    machine_info: dict[str, Any],
    commit_info: dict[str, Any],
) -> dict[str, Any] | None:
    """Return the whole JSON document."""


def pytest_benchmark_update_json(config: Any, benchmarks: list[Any], output_json: dict[str, Any]) -> None:
    """Change the JSON document before it is written."""


def pytest_benchmark_compare_machine_info(
    config: Any, benchmarksession: Any, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Compare this machine with that of a saved run."""
