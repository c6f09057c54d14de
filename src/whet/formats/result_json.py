"""What readers of benchmark results in JSON need: names without blanks, numbers, configuration.

Bytes are decoded elsewhere; this knows no particular format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from whet.errors import FormatError
from whet.model.result import Configuration

__all__ = ["as_value", "benchmark_name", "configuration_of"]

_BLANKS = re.compile(r"\s+")


def benchmark_name(name: Any, number: int) -> str:
    """Return a name as Go's format could hold it; nameless benchmarks are called by their number."""
    text = _BLANKS.sub("_", name.strip()) if isinstance(name, str) else ""
    return text or f"benchmark-{number}"


def as_value(value: Any, what: str) -> float:
    """Return a measured number.

    Raises:
        FormatError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FormatError(f"{what} is not a number")
    return float(value)


def configuration_of(metadata: dict[str, Any], keys: Iterable[str]) -> Configuration:
    """Return some of the metadata as configuration keys, without blanks in keys."""
    return tuple(
        (key.replace("_", "-"), " ".join(str(metadata[key]).split()))
        for key in keys
        if isinstance(metadata.get(key), str | int | float) and str(metadata[key]).strip()
    )
