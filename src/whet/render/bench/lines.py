"""Result lines of Go's benchmark format, and what is said about noise.

Number widths are those of Go's testing package (prettyPrint in src/testing/benchmark.go). Lines
about noise begin with `#`, which readers of the format pass over. It computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from whet.analyze.bench.estimate import Certificate

__all__ = ["certificate_line", "configuration_lines", "result_line"]


def configuration_lines(configuration: Mapping[str, str]) -> list[str]:
    """Return `key: value` lines."""
    return [f"{key}: {value}" for key, value in configuration.items()]


def result_line(name: str, width: int, iterations: int, values: Sequence[tuple[float, str]]) -> str:
    """Return a result line.

    Args:
        name: with `Benchmark` before it.
        width: of the name's column.
        iterations: the values are means over so many.
        values: (value, unit), in the order in which they are shown.
    """
    cells = [f"{name:<{width}}", f"{iterations:8d}", *(_value(value, unit) for value, unit in values)]
    return "\t".join(cells)


def certificate_line(name: str, certificate: Certificate) -> str:
    """Return what is to be known about a result's noise."""
    count = certificate.processes
    parts = [
        f"{count} process{'es' if count != 1 else ''}",
        f"{certificate.dropped_share:.1%} of slices dropped",
    ]
    if not math.isnan(certificate.spread):
        parts.append(f"spread {certificate.spread:.1%}")
        parts.append(f"smallest effect seen {certificate.smallest_effect:.1%}")
    if abs(certificate.drift - 1) > 0.02:
        parts.append(f"drifted by {certificate.drift - 1:+.1%}")
    if certificate.excess > 0.05:
        parts.append(f"mean {certificate.excess:.1%} higher")
    if certificate.speed < 0.95:
        parts.append(f"machine at {certificate.speed:.0%} of its full speed")
    if certificate.unfiltered:
        parts.append(f"{certificate.unfiltered} processes were disturbed all the time")
    return f"# {name}: {', '.join(parts)}"


def _value(value: float, unit: str) -> str:
    if unit == "MB/s":
        return f"{value:7.2f} MB/s"
    if unit in ("B/op", "allocs/op") and value == int(value):
        return f"{int(value):8d} {unit}"
    return f"{_number(value)} {unit}"


def _number(value: float) -> str:
    """Format with four significant digits, as Go does."""
    magnitude = abs(value)
    if magnitude == 0 or magnitude >= 999.95:
        return f"{value:10.0f}"
    for limit, width, digits in (
        (99.995, 12, 1), (9.9995, 13, 2), (0.99995, 14, 3), (0.099995, 15, 4),
        (0.0099995, 16, 5), (0.00099995, 17, 6),
    ):  # fmt: skip
        if magnitude >= limit:
            return f"{value:{width}.{digits}f}"
    return f"{value:18.7f}"
