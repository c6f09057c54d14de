"""Parts of a benchmark's name: its base, its sub-benchmarks and the `-N` of GOMAXPROCS.

`Encode/format=json-8` has the base `Encode`, the part `/format=json` and the part `-8`.
"""

from __future__ import annotations

import re

__all__ = ["base_name", "name_key", "name_parts", "without_keys"]

_PROCS = re.compile(r"-[0-9]+\Z")


def name_parts(name: str) -> tuple[str, list[str]]:
    """Return the base and all further parts, each with the `/` or `-` that begins it."""
    found = _PROCS.search(name)
    body = name[: found.start()] if found else name
    base, *parts = body.split("/")
    return base, [f"/{part}" for part in parts] + ([found[0]] if found else [])


def base_name(name: str) -> str:
    """Return the name without sub-benchmarks and without GOMAXPROCS."""
    base, slash, _ = name.partition("/")
    return base if slash else name_parts(name)[0]


def name_key(name: str, key: str) -> str:
    """Return the value of a sub-name key such as `/format`, '' where there is none."""
    _, parts = name_parts(name)
    if key == "/gomaxprocs" and parts and parts[-1].startswith("-"):
        return parts[-1][1:]
    prefix = f"{key}="
    return next((part.removeprefix(prefix) for part in parts if part.startswith(prefix)), "")


def without_keys(name: str, keys: list[str]) -> str:
    """Return the full name without what some keys stand for; `.name` leaves a `*`."""
    base, parts = name_parts(name)
    prefixes = tuple(f"{key}=" for key in keys if key.startswith("/"))
    kept = [
        part
        for part in parts
        if not part.startswith(prefixes) and not (part.startswith("-") and "/gomaxprocs" in keys)
    ]
    return "".join(["*" if ".name" in keys else base, *kept])
