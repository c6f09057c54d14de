"""Allocation-heavy: small objects made, kept a while and dropped; the cyclic collector works too."""

from __future__ import annotations

from measured import measured


class Node:
    """A tree's node that knows its parent: a cycle."""

    def __init__(self, key: int, parent: Node | None) -> None:
        self.key = key
        self.parent = parent
        self.children: list[Node] = []
        self.tags = {"key": str(key), "next": str(key + 1)}


def grow(count: int) -> Node:
    """Make a tree, each node below one made before."""
    root = Node(0, None)
    nodes = [root]
    for key in range(1, count):
        parent = nodes[key // 3]
        node = Node(key, parent)
        parent.children.append(node)
        nodes.append(node)
    return root


def weigh(root: Node) -> int:
    """Add up all keys."""
    total, pending = 0, [root]
    while pending:
        node = pending.pop()
        total += int(node.tags["key"])
        pending.extend(node.children)
    return total


def work(scale: float) -> int:
    return sum(weigh(grow(20_000)) for _ in range(int(40 * scale)))


if __name__ == "__main__":
    measured(work)
