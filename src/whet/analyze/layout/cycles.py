"""Which edges to turn round so that all others can run downwards.

A depth-first search from the nodes without incoming edges, heaviest outgoing edge first: the
edges that lead back into the path being searched are turned (Gansner et al., "A Technique
for Drawing Directed Graphs", section 2.1). In a call graph these are the recursive calls.
"""

from __future__ import annotations

from whet.analyze.layout.model import Link

__all__ = ["back_edges"]


def back_edges(count: int, links: list[Link]) -> list[bool]:
    """Return for each link whether it closes a cycle; loops do not count."""
    out: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for row, link in enumerate(links):
        if link.tail != link.head:
            out[link.tail].append(row)
            entered[link.head] = True
    for rows in out:
        rows.sort(key=lambda row: -links[row].weight)
    back = [False] * len(links)
    state = [0] * count  # 0 = new, 1 = on the path, 2 = done
    for root in sorted(range(count), key=lambda node: entered[node]):
        if state[root] == 0:
            _search(root, links, out, state, back)
    return back


def _search(root: int, links: list[Link], out: list[list[int]], state: list[int], back: list[bool]) -> None:
    state[root] = 1
    path = [(root, iter(out[root]))]
    while path:
        node, rows = path[-1]
        row = next(rows, None)
        if row is None:
            state[node] = 2
            path.pop()
            continue
        head = links[row].head
        if state[head] == 1:
            back[row] = True
        elif state[head] == 0:
            state[head] = 1
            path.append((head, iter(out[head])))
