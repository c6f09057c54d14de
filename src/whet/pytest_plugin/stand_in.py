"""Modules under pytest-benchmark's names, for suites that import its classes to name types.

They exist only while pytest runs, only where pytest-benchmark is not installed, and hold whet's own classes.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["install", "remove"]

# Which of our modules has what the module of that name would have.
_HOMES = {
    "pytest_benchmark": {},
    "pytest_benchmark.fixture": {
        "BenchmarkFixture": "whet.pytest_plugin.fixture",
        "FixtureAlreadyUsed": "whet.pytest_plugin.fixture",
    },
    "pytest_benchmark.plugin": {"BenchmarkFixture": "whet.pytest_plugin.fixture"},
    "pytest_benchmark.session": {"BenchmarkSession": "whet.pytest_plugin.session"},
    "pytest_benchmark.stats": {
        "Metadata": "whet.pytest_plugin.record:Record",
        "Stats": "whet.analyze.bench.rounds:RoundStatistics",
    },
}  # type: dict[str, dict[str, str]]


# How many configured runs of pytest want them: a run may be inside of another one.
_wanted = [0]


class _StandIn(ModuleType):
    """A module whose contents are looked up when they are asked for."""

    def __getattr__(self, name: str) -> object:
        home = _HOMES[self.__name__].get(name)
        if home is None:
            raise AttributeError(f"whet stands in for {self.__name__} and has no {name}")
        module, _, other = home.partition(":")
        return getattr(importlib.import_module(module), other or name)


def install() -> None:
    """Put the modules in place, unless the real ones can be imported."""
    _wanted[0] += 1
    if "pytest_benchmark" in sys.modules or importlib.util.find_spec("pytest_benchmark") is not None:
        return
    for name in _HOMES:
        module = _StandIn(name, "Stands in for pytest-benchmark while whet's fixture does.")
        module.__spec__ = ModuleSpec(name, None, is_package=name == "pytest_benchmark")
        if name == "pytest_benchmark":
            module.__path__ = []
        sys.modules[name] = module


def remove() -> None:
    """Take them away again, after as many calls as there were of `install`."""
    _wanted[0] -= 1
    if _wanted[0]:
        return
    for name in _HOMES:
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]
