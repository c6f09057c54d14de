"""Statistics of rounds as a table, laid out as pytest-benchmark's is. It computes nothing but the scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["LEGEND", "UNITS", "best_unit", "table_lines"]

# Seconds times this are units.
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_RATES = (("", 1.0), ("K", 1e-3), ("M", 1e-6), ("G", 1e-9))
_TITLES = {"stddev": "StdDev", "iqr": "IQR", "ops": "OPS"}
_PLAIN = ("outliers", "rounds", "iterations")
LEGEND = (
    "outliers: rounds further than a standard deviation from the mean; beyond 1.5 IQR of the quartiles",
    "OPS: calls a second, one over the mean",
)

Row = Mapping[str, float | int | str]


def best_unit(seconds: float) -> str:
    """Return the largest unit in which a time is at least 1."""
    return next((unit for unit, factor in UNITS.items() if seconds * factor >= 1), "ns")


def table_lines(
    title: str, names: Sequence[str], rows: Sequence[Row], columns: Sequence[str], unit: str
) -> Iterator[str]:
    """Yield a group's table.

    Args:
        title: of the group, empty if it has no name.
        names: of the rows.
        rows: statistics in seconds; one for each name.
        columns: which of them to show.
        unit: a key of UNITS.
    """
    most = max(float(row["ops"]) for row in rows)
    rate, rate_factor = next(((name, f) for name, f in reversed(_RATES) if most * f >= 1), _RATES[0])
    factors = {**dict.fromkeys(columns, UNITS[unit]), "ops": rate_factor}
    cells = [[f"Name (time in {unit})", *names]]
    for column in columns:
        shown = _TITLES.get(column, column.capitalize())
        values = [row[column] for row in rows]
        if column == "ops":
            shown += f" ({rate}ops/s)"
        if column in _PLAIN:
            cells.append([shown, *map(str, values)])
        else:
            cells.append(
                _scaled(shown, [float(v) for v in values], factors[column], best_is_most=column == "ops")
            )
    widths = [max(map(len, column)) for column in cells]
    width = sum(widths) + 2 * len(widths) - 2
    yield f" benchmark{f' {title!r}' if title else ''}: {len(rows)} tests ".center(width, "-")
    for number in range(len(rows) + 1):
        first, *rest = (column[number] for column in cells)
        yield f"{first:<{widths[0]}}  " + "  ".join(
            f"{c:>{w}}" for c, w in zip(rest, widths[1:], strict=True)
        )
        if number == 0:
            yield "-" * width
    yield "-" * width


def _scaled(title: str, values: Sequence[float], factor: float, *, best_is_most: bool) -> list[str]:
    """Write a column: its title, and values with their ratio to the best one where there are several."""
    numbers = [title, *(f"{value * factor:,.4f}" for value in values)]
    if len(values) < 2:
        return numbers
    best = max(values) if best_is_most else min(values)
    ratios = ["", *(f"({value / best:.2f})" if best else "(inf)" if value else "(1.00)" for value in values)]
    widths = [max(map(len, column)) for column in (numbers, ratios)]
    return [f"{n:>{widths[0]}} {r:<{widths[1]}}" for n, r in zip(numbers, ratios, strict=True)]
