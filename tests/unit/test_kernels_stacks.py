"""The stack kernels of the reference, against sums written out by hand."""

import numpy as np

from whet.kernels.reference import stacks

# Locations: 0 = a, 1 = b with c inlined into it, 2 = d.
NODE_START = np.array([0, 1, 3, 4], np.int64)
NODES = np.array([0, 2, 1, 3], np.int32)


def profile(*samples: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Build stack_start and stack from leaf-first stacks."""
    start = np.cumsum([0, *map(len, samples)]).astype(np.int64)
    return start, np.array([x for s in samples for x in s], np.int32)


def test_cum_counts_a_recursive_node_once() -> None:
    start, stack = profile([0, 0, 2, 0], [2])
    flat, cum = stacks.flat_cum(start, stack, NODE_START, NODES, np.array([5, 7]), 4)
    assert flat.tolist() == [5, 0, 0, 7]
    assert cum.tolist() == [5, 0, 0, 12]


def test_flat_goes_to_the_innermost_inlined_call() -> None:
    start, stack = profile([1, 0])
    flat, cum = stacks.flat_cum(start, stack, NODE_START, NODES, np.array([3]), 4)
    assert flat.tolist() == [0, 0, 3, 0]
    assert cum.tolist() == [3, 3, 3, 0]


def test_flat_of_a_hidden_leaf_vanishes() -> None:
    hidden = np.array([0, 2, 1, -1], np.int32)
    start, stack = profile([2, 0])
    flat, cum = stacks.flat_cum(start, stack, NODE_START, hidden, np.array([3]), 4)
    assert flat.tolist() == [0, 0, 0, 0]
    assert cum.tolist() == [3, 0, 0, 0]


def test_masked_samples_do_not_count() -> None:
    start, stack = profile([0], [2], [])
    mask = np.array([False, True, True])
    flat, _ = stacks.flat_cum(start, stack, NODE_START, NODES, np.array([1, 2, 4]), 4, mask)
    assert flat.tolist() == [0, 0, 0, 2]


def test_edges_count_once_a_sample_and_know_inlining_and_gaps() -> None:
    hidden = np.array([0, 2, -1, 3], np.int32)
    start, stack = profile([2, 0, 2, 0], [1, 0])
    edges = stacks.edge_sums(start, stack, NODE_START, NODES, np.array([1, 10]), 4)
    rows = list(zip(*(column.tolist() for column in edges), strict=True))
    assert rows == [
        (0, 1, 10, False, False),
        (0, 3, 1, False, False),
        (1, 2, 10, False, True),
        (3, 0, 1, False, False),
    ]
    edges = stacks.edge_sums(start, stack, NODE_START, hidden, np.array([1, 10]), 4)
    assert (0, 2, 10, True, True) in list(zip(*(c.tolist() for c in edges), strict=True))


def test_call_tree_totals_are_self_plus_children() -> None:
    start, stack = profile([1, 0], [0], [2, 0], [0])
    tree = stacks.call_tree(start, stack, NODE_START, NODES)
    assert tree.parent.tolist() == [-1, 0, 1, 2, 1]
    assert tree.node.tolist() == [-1, 0, 1, 2, 3]
    assert tree.sample_row.tolist() == [3, 1, 4, 1]
    own, total = stacks.tree_values(tree.parent, tree.sample_row, np.array([1, 2, 4, 8]))
    assert own.tolist() == [0, 10, 0, 1, 4]
    assert total.tolist() == [15, 15, 1, 1, 4]
