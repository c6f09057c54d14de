"""The order of nodes within rows, chosen so that few edges cross.

Weighted medians and transposition in turns, as in Gansner et al., "A Technique for Drawing
Directed Graphs", section 3; crossings are counted by insertion into a sorted list. The
number of rounds is bounded, and rounds get fewer the larger the graph is.
"""

from __future__ import annotations

from bisect import bisect_right, insort

from whet.analyze.layout.levels import Levels

__all__ = ["count_crossings", "reduce_crossings"]

_MOST_ROUNDS = 24
_PATIENCE = 4
_MOST_PASSES = 6
_WORK = 40_000  # node visits of all rounds together, which bounds the time


def count_crossings(levels: Levels) -> int:
    """Return how often edges between neighbouring rows cross."""
    place = levels.positions()
    return sum(_row_crossings(row, levels.down, place) for row in levels.rows)


def reduce_crossings(levels: Levels) -> int:
    """Reorder the rows in place; return how many crossings are left."""
    best_rows, best = levels.rows, -1
    rounds = max(2, min(_MOST_ROUNDS, _WORK // max(1, len(levels.up))))
    for downwards in (True, False):
        _initial_order(levels, downwards=downwards)
        found, rows = _improve(levels, rounds)
        if best < 0 or found < best:
            best, best_rows = found, rows
        if best == 0:
            break
    levels.rows = best_rows
    return best


def _improve(levels: Levels, rounds: int) -> tuple[int, list[list[int]]]:
    place = levels.positions()
    _transpose(levels, place)
    best = sum(_row_crossings(row, levels.down, place) for row in levels.rows)
    best_rows = [row.copy() for row in levels.rows]
    waited = 0
    for number in range(rounds):
        if best == 0 or waited >= _PATIENCE:
            break
        _sweep(levels, place, downwards=number % 2 == 0)
        _transpose(levels, place)
        found = sum(_row_crossings(row, levels.down, place) for row in levels.rows)
        waited += 1
        if found < best:
            best, best_rows, waited = found, [row.copy() for row in levels.rows], 0
    return best, best_rows


def _initial_order(levels: Levels, *, downwards: bool) -> None:
    """Order rows as a depth-first search from one end reaches them."""
    near, far = (levels.up, levels.down) if downwards else (levels.down, levels.up)
    row_of = [0] * len(levels.up)
    for r, row in enumerate(levels.rows):
        for node in row:
            row_of[node] = r
    roots = [node for row in levels.rows for node in row if not near[node]]
    rows: list[list[int]] = [[] for _ in levels.rows]
    seen = [False] * len(levels.up)
    stack = roots[::-1]
    while stack:
        node = stack.pop()
        if seen[node]:
            continue
        seen[node] = True
        rows[row_of[node]].append(node)
        stack += [n for n in reversed(far[node]) if not seen[n]]
    levels.rows = rows


def _row_crossings(row: list[int], down: list[list[int]], place: list[int]) -> int:
    seen: list[int] = []
    crossings = 0
    for node in row:
        ends = sorted([place[n] for n in down[node]])
        for end in ends:
            crossings += len(seen) - bisect_right(seen, end)
        for end in ends:
            insort(seen, end)
    return crossings


def _sweep(levels: Levels, place: list[int], *, downwards: bool) -> None:
    rows, near = (levels.rows, levels.up) if downwards else (levels.rows[::-1], levels.down)
    for row in rows[1:]:
        medians = [_median([place[n] for n in near[node]]) for node in row]
        # Nodes without neighbours on that side stay where they are.
        slots = [i for i, median in enumerate(medians) if median >= 0]
        order = sorted(slots, key=lambda i: medians[i])
        moved = row.copy()
        for slot, i in zip(slots, order, strict=True):
            moved[slot] = row[i]
        row[:] = moved
        for i, node in enumerate(row):
            place[node] = i


def _median(places: list[int]) -> float:
    if not places:
        return -1.0
    places.sort()
    middle, odd = divmod(len(places), 2)
    if odd:
        return places[middle]
    if len(places) == 2:
        return (places[0] + places[1]) / 2
    left, right = places[middle - 1] - places[0], places[-1] - places[middle]
    if left + right == 0:
        return (places[middle - 1] + places[middle]) / 2
    return (places[middle - 1] * right + places[middle] * left) / (left + right)


def _transpose(levels: Levels, place: list[int]) -> None:
    """Exchange neighbours while that removes crossings."""
    active = [True] * len(levels.rows)
    for _ in range(_MOST_PASSES):
        changed = [False] * len(levels.rows)
        for r, row in enumerate(levels.rows):
            if active[r] and _transpose_row(row, levels, place):
                for near in (r - 1, r, r + 1):
                    if 0 <= near < len(changed):
                        changed[near] = True
        if not any(changed):
            return
        active = changed


def _transpose_row(row: list[int], levels: Levels, place: list[int]) -> bool:
    # The places of neighbours do not change while this row is being exchanged.
    above = [[place[n] for n in levels.up[node]] for node in row]
    below = [[place[n] for n in levels.down[node]] for node in row]
    changed = False
    for i in range(len(row) - 1):
        if _gain(above[i], above[i + 1]) + _gain(below[i], below[i + 1]) > 0:
            row[i], row[i + 1] = row[i + 1], row[i]
            above[i], above[i + 1] = above[i + 1], above[i]
            below[i], below[i + 1] = below[i + 1], below[i]
            place[row[i]], place[row[i + 1]] = i, i + 1
            changed = True
    return changed


def _gain(left: list[int], right: list[int]) -> int:
    """Return how many crossings vanish when the owners of these ends change places."""
    gain = 0
    for a in left:
        for b in right:
            if a > b:
                gain += 1
            elif a < b:
                gain -= 1
    return gain
