"""`whet.parametrize`: a benchmark once for each combination of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

__all__ = ["combinations", "parametrize"]

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "whet_parameters"


def parametrize(**values: Iterable[object]) -> Callable[[F], F]:
    """Run a benchmark once for each value of each keyword; they become `key=value` parts of its name.

        @whet.parametrize(size=[10, 1000], kind=["list", "tuple"])
        def bench_sort(b, size, kind): ...

    Used several times, the uppermost varies slowest.
    """
    added = [(key, list(chosen)) for key, chosen in values.items()]

    def decorate(function: F) -> F:
        setattr(function, _ATTRIBUTE, added + getattr(function, _ATTRIBUTE, []))
        return function

    return decorate


def combinations(function: object) -> list[tuple[str, dict[str, object]]]:
    """Return (`/key=value/...`, keyword arguments) for each combination; one of nothing without any."""
    found: list[tuple[str, dict[str, object]]] = [("", {})]
    for key, values in getattr(function, _ATTRIBUTE, []):
        found = [
            (f"{name}/{key}={_word(value)}", {**chosen, key: value})
            for name, chosen in found
            for value in values
        ]
    return found


def _word(value: object) -> str:
    return "_".join(str(value).replace("/", "_").split())
