"""What benchmark functions are called; nothing is needed to import it, not even the compiled part."""

from __future__ import annotations

__all__ = ["PREFIX", "public_name"]

PREFIX = "bench_"


def public_name(function: str) -> str:
    """Turn `bench_json_dumps` into `JsonDumps`, a name that Go's tools take for a benchmark's."""
    words = function.removeprefix(PREFIX).split("_")
    return "".join(word[:1].upper() + word[1:] for word in words) or "_"
