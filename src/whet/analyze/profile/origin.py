"""Whose code a frame is: the program's own, a library's, the standard library's, or native.

Decided from file names alone, so that it works for a profile from another machine. Nothing is
opened. Layouts known: site-packages and dist-packages, lib/pythonX.Y, frozen modules, Go's
GOROOT and module cache.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LIBRARY", "NATIVE", "OWN", "STANDARD", "Origin", "origins"]

OWN, LIBRARY, STANDARD, NATIVE = range(4)

_PACKAGES = re.compile(r"(?:site|dist)-packages/(.+)")
_STANDARD = re.compile(r"/lib(?:64)?/(?:python|pypy)\d[\d.]*t?/(.+)")
_FROZEN = re.compile(r"<frozen (.+)>")
_GO_STANDARD = re.compile(r"/(?:usr/(?:local|lib)/go[^/]*|goroot|libexec)/src/(.+)", re.IGNORECASE)
_GO_MODULE = re.compile(r"/pkg/mod/(.+?)@")
_GO_TOOLCHAIN = re.compile(r"/golang\.org/toolchain@[^/]+/src/(.+)")


@dataclass(frozen=True, slots=True)
class Origin:
    """The kind of a frame's code and the package or module it is coloured by."""

    kind: int
    package: str


def origins(files: list[str], *, native_files: frozenset[str] = frozenset()) -> list[Origin]:
    """Tell the origin of each file name.

    Args:
        files: file names; "" where unknown.
        native_files: names that are mapped objects, not sources.
    """
    known = [_library_origin(name, native_files) for name in files]
    own = [name for name, origin in zip(files, known, strict=True) if origin is None]
    root = len(_common_directory(own))
    return [
        origin if origin is not None else Origin(OWN, _module(name[root:]))
        for name, origin in zip(files, known, strict=True)
    ]


def _library_origin(name: str, native_files: frozenset[str]) -> Origin | None:
    """Return the origin of code that is not the program's own, else None."""
    if not name or name in native_files or name.startswith("<built-in"):
        return Origin(NATIVE, name.rsplit("/", 1)[-1] or "native")
    if found := _FROZEN.fullmatch(name):
        return Origin(STANDARD, found[1].split(".")[0])
    if found := _GO_TOOLCHAIN.search(name) or _GO_STANDARD.search(name):
        return Origin(STANDARD, found[1].rsplit("/", 1)[0])
    if found := _GO_MODULE.search(name):
        return Origin(LIBRARY, found[1])
    if found := _PACKAGES.search(name):
        return Origin(LIBRARY, _module(found[1].split("/")[0]))
    if found := _STANDARD.search(name):
        return Origin(STANDARD, _module(found[1].split("/")[0]))
    return None


def _module(path: str) -> str:
    """Return a path without its suffix, as a dotted name."""
    stem = path[:-3] if path.endswith((".py", ".go")) else path
    return stem.strip("/").replace("/", ".") or path


def _common_directory(names: list[str]) -> str:
    """Return the longest directory prefix that all names share."""
    if not names:
        return ""
    low, high = min(names), max(names)
    length = 0
    while length < min(len(low), len(high)) and low[length] == high[length]:
        length += 1
    return low[: low.rfind("/", 0, length) + 1]
