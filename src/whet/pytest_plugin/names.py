"""What a test is called in Go's benchmark format.

`TestCodec::test_dumps[10-list]` is `BenchmarkCodec/Dumps/size=10/kind=list`, with the file as `pkg`: names
that `whet stat` can filter and project.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from whet.pytest_plugin.record import Test

__all__ = ["describe"]

_SIMPLE = (str, int, float, bool, type(None))
MAX_VALUE = 40
# Go's tools take this for a number of processors.
_NUMBER_AT_END = re.compile(r"-(\d+)$")


def describe(item: pytest.Item) -> Test:
    """Return what a report has to know of a test."""
    callspec = getattr(item, "callspec", None)
    params: dict[str, Any] | None = dict(callspec.params) if callspec else None
    classes, function = _path(item)
    parts = ["/".join(_camel(name) for name in [*classes, function])]
    if callspec and params:
        parts += [f"{key}={value}" for key, value in _values(callspec.id, params, callspec.indices).items()]
    elif "[" in item.name:
        parts.append(_word(item.name.partition("[")[2].rstrip("]")))
    return Test(
        name=item.name,
        fullname=item.nodeid,
        param=callspec.id if callspec else None,
        params=params or None,
        place=item.nodeid.partition("::")[0].removesuffix(".py"),
        go_name="Benchmark" + _NUMBER_AT_END.sub(r"_\1", "/".join(parts)),
    )


def _path(item: pytest.Item) -> tuple[list[str], str]:
    """Return the names of the classes that a test is in, and its own without parameters."""
    names = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return names, getattr(item, "originalname", None) or item.name.partition("[")[0]


def _values(identifier: str, params: dict[str, Any], indices: dict[str, int]) -> dict[str, str]:
    """Return a word for each parameter: its part of the id where that is clear, else its value or number."""
    parts = identifier.split("-")
    if len(params) == 1:
        parts = [identifier]
    found = {}
    for number, (key, value) in enumerate(params.items()):
        if len(parts) == len(params):
            found[key] = _word(parts[number])
        elif isinstance(value, _SIMPLE) and len(str(value)) <= MAX_VALUE:
            found[key] = _word(str(value))
        else:
            found[key] = f"{key}{indices.get(key, number)}"
    return found


def _camel(name: str) -> str:
    words = re.sub(r"^test(?=_|[A-Z]|$)", "", name, flags=re.IGNORECASE).split("_")
    return "".join(word[:1].upper() + word[1:] for word in words) or "_"


def _word(text: str) -> str:
    return "_".join(text.replace("/", "_").split()) or "_"
