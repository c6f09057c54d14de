"""Labels of the running code, carried into every sample taken under it.

The counterpart of Go's pprof.Do: labels live in a context variable, so they follow asyncio
tasks, hold for everything called inside, and end with their block. Without the compiled
collectors they are kept all the same; nothing reads them then.
"""

from contextvars import ContextVar

from whet.collect.probe import load_probe
from whet.errors import CollectError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token
    from types import TracebackType
    from typing import Any, ParamSpec, Protocol, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

    class _Set(Protocol):
        pairs: tuple[tuple[str, str], ...]


__all__ = ["current_labels", "labels"]

# The collector's own labels.
_RESERVED = frozenset({"thread"})
_CO_COROUTINE = 0x80


class _PlainSet:
    """A set of labels where there is no collector to see it."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.pairs = pairs


_variable: "ContextVar[_Set]" = ContextVar("whet.labels")
_set_type: "Callable[[tuple[tuple[str, str], ...]], _Set]" = _PlainSet
try:
    _probe = load_probe()
except CollectError:
    pass
else:
    _probe.set_label_variable(_variable)
    _set_type = _probe.LabelSet


def current_labels() -> dict[str, str]:
    """Return the labels that hold here."""
    held = _variable.get(None)
    return dict(held.pairs) if held is not None else {}


class labels:  # noqa: N801 - used as a statement: with whet.labels(...)
    """Add labels to all samples taken inside: `with labels(route="/x"):`, or as a decorator.

    Inner labels replace outer ones of the same name. Values are shown as str(value). Decorated
    coroutine functions are labelled while they run.

    Raises:
        UsageError: a name is empty or the collector's own ("thread", names starting with "pprof::").
    """

    __slots__ = ("_pairs", "_tokens")

    def __init__(self, pairs: "Mapping[str, object] | None" = None, /, **more: object) -> None:
        self._pairs = {name: str(value) for name, value in {**(pairs or {}), **more}.items()}
        for name in self._pairs:
            if not name or name in _RESERVED or name.startswith("pprof::"):
                raise UsageError(f"the label name {name!r} is reserved", hint="choose another name")
        self._tokens: list[Token[_Set]] = []

    def __enter__(self) -> "labels":
        merged = {**current_labels(), **self._pairs}
        self._tokens.append(_variable.set(_set_type(tuple(sorted(merged.items())))))
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        _variable.reset(self._tokens.pop())

    def __call__(self, function: "Callable[P, R]") -> "Callable[P, R]":
        from functools import wraps

        pairs = dict(self._pairs)
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _CO_COROUTINE:

            @wraps(function)
            async def labelled_coroutine(*args: "P.args", **kwargs: "P.kwargs") -> "Any":
                with labels(pairs):
                    return await function(*args, **kwargs)  # type: ignore[misc]

            return labelled_coroutine  # type: ignore[return-value]

        @wraps(function)
        def labelled(*args: "P.args", **kwargs: "P.kwargs") -> "R":
            with labels(pairs):
                return function(*args, **kwargs)

        return labelled
