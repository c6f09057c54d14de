"""Functions that every tool measures."""

from __future__ import annotations

import json

DOCUMENT = {"name": "whet", "version": [1, 2, 3], "homepage": None, "share": 0.25, "open": True}


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def fib_20() -> int:
    return fib(20)


def dumps() -> str:
    return json.dumps(DOCUMENT)


def noop() -> None:
    pass


CALLS = {"fib": fib_20, "dumps": dumps, "noop": noop}
