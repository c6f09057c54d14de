"""Parts of function names: what frames are dropped by, and what fits into a box of a graph.

Semantics: pprof's `profile.Prune` (the name that `drop_frames` is matched against) and
`ShortenFunctionName`.
"""

from __future__ import annotations

import re

__all__ = ["prunable_name", "short_name"]

_BRACKET = re.compile(r"\(anonymous namespace\)|operator\(\)|\(")

_MAJOR_VERSION = re.compile(r"(.*?)/v(?:[2-9]|[1-9][0-9]+)([./].*)\Z")
# What is kept of a name: Go's without directories, Java's without packages and arguments,
# C++'s without the outer namespaces.
_KEPT = (
    re.compile(r"(?:[\w\-.]+/)+([^.]+\..+)", re.ASCII),
    re.compile(r"(?:[a-z]\w*\.)*([A-Z][\w$]*\.(?:<init>|[a-z][\w$]*(?:\$\d+)?))(?:\(|\Z)", re.ASCII),
    re.compile(r"(?:[_a-zA-Z]\w*::)+(_*[A-Z]\w*::~?[_a-zA-Z]\w*(?:<.*>)?)", re.ASCII),
)
_LONGEST_SHORTENED = 10_000  # longer names are not meant to be read, and searching them takes long


def prunable_name(name: str) -> str:
    """Return a name without a leading dot and without its argument list."""
    name = name.removeprefix(".")
    for found in _BRACKET.finditer(name):
        if found[0] == "(":
            return name[: found.start()]
    return name


def short_name(name: str) -> str:
    """Return a name without the package or namespace it lives in."""
    if len(name) > _LONGEST_SHORTENED:
        return name
    name = name.removeprefix("(anonymous namespace)::")
    version = _MAJOR_VERSION.match(name)
    if version:
        name = version[1] + version[2]
    kept = next(filter(None, (pattern.match(name) for pattern in _KEPT)), None)
    return kept[1] if kept else name
