"""Names of nodes, and simpler forms of function names that are already readable.

Semantics: pprof's `NodeInfo` and its symbolizer (names that look like C++ lose argument and
template lists). Loads no regular expressions: a short report needs none.
"""

from __future__ import annotations

import posixpath

__all__ = ["name_parts", "simplified_name", "sort_key"]


def name_parts(
    name: str, *, file: str = "", line: int = 0, column: int = 0, address: int = 0, object_file: str = ""
) -> list[str]:
    """Return the parts of a node's name as reports print it: pprof's `NodeInfo.PrintableName`."""
    parts = [f"{address:016x}"] if address else []
    if name:
        parts.append(name)
    if line:
        parts.append(f"{file}:{line}:{column}" if column else f"{file}:{line}")
    elif file:
        parts.append(file)
    elif not name:
        parts.append(f"[{posixpath.basename(object_file)}]" if object_file else "<unknown>")
    return parts


def sort_key(
    name: str,
    *,
    file: str = "",
    start_line: int = 0,
    line: int = 0,
    column: int = 0,
    address: int = 0,
    object_file: str = "",
) -> tuple[bytes, bytes]:
    """Return what orders nodes of equal value: the printable name, then all attributes."""
    parts = name_parts(name, file=file, line=line, column=column, address=address, object_file=object_file)
    values = (name, "", address, file, start_line, line, column, object_file)
    return _bytes(" ".join(parts)), _bytes(" ".join(map(str, values)))


def simplified_name(name: str, *, may_vanish: bool = False) -> str:
    """Return a C++ name without argument and template lists, any other unchanged.

    A name that is nothing but brackets (Python's `<module>`) stays as it is, unless it
    `may_vanish`, as it does in pprof.
    """
    if ".<" in name or "])." in name:
        return name
    if not (any(c in name for c in "<>[]") or "::" in name):
        return name
    simple = _without(_without(name, "(", ")"), "<", ">")
    return simple if simple or may_vanish else name


def _without(name: str, opening: str, closing: str) -> str:
    """Remove balanced brackets and what is in them; an unbalanced name stays as far as it got."""
    depth = first = at = 0
    while at < len(name):
        if name[at] == opening:
            depth += 1
            if depth == 1:
                first = at
        elif name[at] == closing:
            depth -= 1
            if depth < 0:
                return name
            if depth == 0:
                name = name[:first] + name[at + 1 :]
                at = first - 1
        at += 1
    return name


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
