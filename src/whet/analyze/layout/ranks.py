"""Ranks: the row of each node, so that the weighted sum of edge lengths is least.

The network simplex method of Gansner et al., "A Technique for Drawing Directed Graphs",
section 2. The cut value of a tree edge is taken as the sum, over the nodes on its tail side,
of outgoing minus incoming weights: edges inside that side cancel, so one pass over the tree
gives all of them.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Arc", "assign_ranks"]


class Arc(NamedTuple):
    """An edge of an acyclic graph; `length` is the least difference of ranks."""

    tail: int
    head: int
    weight: int
    length: int


def assign_ranks(count: int, arcs: list[Arc]) -> list[int]:
    """Return the rank of each node of a connected acyclic graph, the least one 0."""
    rank = _longest_paths(count, arcs)
    simplex = _Simplex(count, arcs, rank)
    simplex.solve()
    least = min(rank)
    rank = [r - least for r in rank]
    _balance(count, arcs, rank)
    return rank


def _longest_paths(count: int, arcs: list[Arc]) -> list[int]:
    out: list[list[Arc]] = [[] for _ in range(count)]
    waiting = [0] * count
    for arc in arcs:
        out[arc.tail].append(arc)
        waiting[arc.head] += 1
    rank = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:
        for arc in out[node]:
            rank[arc.head] = max(rank[arc.head], rank[node] + arc.length)
            waiting[arc.head] -= 1
            if not waiting[arc.head]:
                ready.append(arc.head)
    return rank


class _Simplex:
    """Ranks being improved: a spanning tree of tight arcs, one arc exchanged at a time."""

    def __init__(self, count: int, arcs: list[Arc], rank: list[int]) -> None:
        self.count = count
        self.arcs = arcs
        self.rank = rank
        self.balance = [0] * count
        self.incident: list[list[int]] = [[] for _ in range(count)]
        for row, (tail, head, weight, _) in enumerate(arcs):
            self.balance[tail] += weight
            self.balance[head] -= weight
            self.incident[tail].append(row)
            self.incident[head].append(row)
        self.tree: list[set[int]] = [set() for _ in range(count)]

    def solve(self) -> None:
        """Exchange arcs until no cut value is negative; bounded where values do not change."""
        self._span()
        for _ in range(40 * self.count):
            order, parent = self._rooted()
            leaving, top = self._leaving(order, parent)
            if leaving < 0:
                return
            self._exchange(leaving, top)

    def _slack(self, row: int) -> int:
        tail, head, _, length = self.arcs[row]
        return self.rank[head] - self.rank[tail] - length

    def _span(self) -> None:
        """Make a tree of tight arcs, moving what is in the tree towards the next nearest node."""
        inside = [False] * self.count
        self._grow(0, inside)
        while True:
            crossing = [r for r, a in enumerate(self.arcs) if inside[a.tail] != inside[a.head]]
            if not crossing:
                return
            nearest = min(crossing, key=self._slack)
            tail, head, _, _ = self.arcs[nearest]
            shift = self._slack(nearest) if inside[tail] else -self._slack(nearest)
            for node in range(self.count):
                if inside[node]:
                    self.rank[node] += shift
            self._connect(nearest)
            self._grow(head if inside[tail] else tail, inside)

    def _grow(self, start: int, inside: list[bool]) -> None:
        inside[start] = True
        reached = [start]
        for node in reached:
            for row in self.incident[node]:
                tail, head, _, _ = self.arcs[row]
                other = head if tail == node else tail
                if not inside[other] and self._slack(row) == 0:
                    inside[other] = True
                    self._connect(row)
                    reached.append(other)

    def _connect(self, row: int) -> None:
        self.tree[self.arcs[row].tail].add(row)
        self.tree[self.arcs[row].head].add(row)

    def _rooted(self) -> tuple[list[int], list[int]]:
        """Return the nodes, parents first, and the arc to the parent of each, -1 for the root."""
        parent, order = [-1] * self.count, [0]
        for node in order:
            for row in self.tree[node]:
                if row != parent[node]:
                    tail, head, _, _ = self.arcs[row]
                    other = head if tail == node else tail
                    parent[other] = row
                    order.append(other)
        return order, parent

    def _leaving(self, order: list[int], parent: list[int]) -> tuple[int, int]:
        """Return the tree arc with the most negative cut value, or -1, and its lower end."""
        total = self.balance.copy()
        worst, leaving, top = 0, -1, -1
        for node in reversed(order):
            row = parent[node]
            if row < 0:
                continue
            tail, head, _, _ = self.arcs[row]
            total[head if tail == node else tail] += total[node]
            value = total[node] if tail == node else -total[node]
            if value < worst or (value == worst and leaving >= 0 and row < leaving):
                worst, leaving, top = value, row, node
        return leaving, top

    def _exchange(self, leaving: int, top: int) -> None:
        tail, head, _, _ = self.arcs[leaving]
        self.tree[tail].remove(leaving)
        self.tree[head].remove(leaving)
        inside = self._part(top)
        # The entering arc runs from the head's side to the tail's side.
        from_top = head == top
        entering = min(
            (r for r, a in enumerate(self.arcs) if inside[a.tail] == from_top and inside[a.head] != from_top),
            key=lambda row: (self._slack(row), row),
        )
        shift = self._slack(entering) if from_top else -self._slack(entering)
        if shift:
            for node in range(self.count):
                if inside[node]:
                    self.rank[node] += shift
        self._connect(entering)

    def _part(self, start: int) -> list[bool]:
        inside = [False] * self.count
        inside[start] = True
        reached = [start]
        for node in reached:
            for row in self.tree[node]:
                tail, head, _, _ = self.arcs[row]
                other = head if tail == node else tail
                if not inside[other]:
                    inside[other] = True
                    reached.append(other)
        return inside


def _balance(count: int, arcs: list[Arc], rank: list[int]) -> None:
    """Move nodes that cost the same anywhere in a range to the emptiest rank of it."""
    size = [0] * (max(rank) + 1)
    for r in rank:
        size[r] += 1
    weight, low, high = [0] * count, [0] * count, [len(size) - 1] * count
    into: list[list[Arc]] = [[] for _ in range(count)]
    out: list[list[Arc]] = [[] for _ in range(count)]
    for arc in arcs:
        weight[arc.tail] += arc.weight
        weight[arc.head] -= arc.weight
        out[arc.tail].append(arc)
        into[arc.head].append(arc)
    for node in range(count):
        if weight[node] or not into[node] or not out[node]:
            continue
        low[node] = max(rank[a.tail] + a.length for a in into[node])
        high[node] = min(rank[a.head] - a.length for a in out[node])
        best = min(range(low[node], high[node] + 1), key=lambda r: (size[r], r), default=rank[node])
        if size[best] < size[rank[node]] - 1:
            size[rank[node]] -= 1
            size[best] += 1
            rank[node] = best
