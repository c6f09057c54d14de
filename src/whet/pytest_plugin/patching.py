"""Putting another function in the place of one, and back."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["patched"]

_MISSING = object()


def patched(
    target: object, replace: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[[], None]:
    """Put `replace(function)` where the function is; return what puts it back.

    Args:
        target: a function of a module or a class, or its dotted name.
        replace: makes the other one.

    Raises:
        TypeError: it is no function, or is not where its name says.
    """
    owner, name = _place(target)
    function = getattr(owner, name)
    before = vars(owner).get(name, _MISSING)
    setattr(owner, name, replace(function))

    def undo() -> None:
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    return undo


def _place(target: object) -> tuple[Any, str]:
    if isinstance(target, str):
        path = target
        found = _imported(path.split("."))
    else:
        module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", "")
        path, found = f"{module}.{name}", sys.modules.get(module or "")
        parts = name.split(".")
        for part in parts[:-1]:
            found = getattr(found, part, None)
        if getattr(found, parts[-1], None) is not target:
            found = None
    name = path.rpartition(".")[2]
    if found is None or not callable(getattr(found, name, None)):
        raise TypeError(f"{target!r} is no function of a module or of a class")
    return found, name


def _imported(parts: list[str]) -> Any:
    """Return what holds the last of these names: a module, or a class in one."""
    for count in range(len(parts) - 1, 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:-1]:
            owner = getattr(owner, part, None)
        return owner
    return None
