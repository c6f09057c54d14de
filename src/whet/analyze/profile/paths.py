"""File names as reports show them: prefixes taken off, cleaned.

Semantics: pprof's `trimPath`. Opens nothing.
"""

from __future__ import annotations

import os
import posixpath

__all__ = ["clean_path", "trimmed_path"]

# The name that Linux gives a process's working directory.
_WORKING_DIRECTORIES = ("/proc/self/cwd/./", "/proc/self/cwd/")


def clean_path(path: str) -> str:
    """Return a file name in the shortest form that means the same."""
    if not path:
        return ""
    clean = posixpath.normpath(path)
    return clean[1:] if clean.startswith("//") else clean


def trimmed_path(path: str, trim_path: str = "", search_path: str = "") -> str:
    """Take a prefix off a file name.

    Without `trim_path` everything up to the base name of a directory in `search_path` goes: a
    checkout has the same layout wherever it lies. Both are lists separated by ':'.
    """
    if not trim_path:
        for directory in _split(search_path):
            wanted = f"/{posixpath.basename(directory.rstrip('/')) or _base(directory)}/"
            at = path.find(wanted)
            if at != -1:
                return path[at + len(wanted) :]
    for prefix in (*_split(trim_path), *_WORKING_DIRECTORIES):
        whole = prefix if prefix.endswith("/") else f"{prefix}/"
        if path.startswith(whole):
            return path[len(whole) :]
    return path


def _split(paths: str) -> list[str]:
    return paths.split(os.pathsep) if paths else []


def _base(directory: str) -> str:
    return "/" if directory else "."
