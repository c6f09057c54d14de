"""The order of a report's rows, and the one unit their values are shown in.

Works on plain numbers, so that every way to compute nodes ends in the same report; imports no
NumPy. The rules are pprof's (`graph.SortTags`, `Nodes.Sort`, `report.selectOutputUnit`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from whet import units

__all__ = ["common_unit", "ordered"]


def ordered(
    nodes: Sequence[int],
    first: Sequence[int],
    second: Sequence[int],
    sort_key: Callable[[int], tuple[bytes, bytes]],
    limit: int,
) -> list[int]:
    """Order nodes by value, the largest first, equal ones by name; names only where they decide.

    Args:
        nodes: the nodes.
        first: magnitudes that decide the order, one a node.
        second: magnitudes that decide among nodes of one name.
        sort_key: returns the printable name and all attributes of a node.
        limit: how many are wanted, below 1 all.
    """
    rows = sorted(zip(first, nodes, second, strict=True), key=lambda row: -row[0])
    result: list[int] = []
    start = 0
    while start < len(rows) and not 0 < limit <= len(result):
        stop = start + 1
        while stop < len(rows) and rows[stop][0] == rows[start][0]:
            stop += 1
        if stop - start > 1:
            # Equal printable names mean different attributes; the second value comes first then.
            keyed = [(sort_key(node), weight, node) for _, node, weight in rows[start:stop]]
            keyed.sort(key=lambda row: (row[0][0], -row[1], row[0][1]))
            result += [node for _, _, node in keyed]
        else:
            result.append(rows[start][1])
        start = stop
    return result[:limit] if limit > 0 else result


def common_unit(
    values: Iterable[tuple[int, int]],
    total: int,
    unit: str,
    *,
    decimals: bool = True,
    scaled: Callable[[int], int] = int,
) -> str:
    """Choose one unit in which both the smallest row and the total can be read.

    Args:
        values: (flat, cum) of every row shown.
        total: what shares are shares of.
        unit: of all these values.
        decimals: whether values will be shown with two of them.
        scaled: what is done to values before they are shown.
    """
    sizes = [abs(flat) or abs(cum) for flat, cum in values]
    smallest, largest = scaled(min((size for size in sizes if size > 0), default=total)), scaled(total)
    _, small_unit = units.scale(smallest, unit, "minimum")
    _, large_unit = units.scale(largest, unit, "minimum")
    # A hundredth is still readable with two decimals.
    if decimals and small_unit != large_unit and smallest * 100 < largest:
        _, small_unit = units.scale(100 * smallest, unit, "minimum")
    return small_unit or unit
