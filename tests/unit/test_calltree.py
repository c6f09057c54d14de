"""The call tree: exact sums, explicit rests, both directions."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from whet.analyze.profile.calltree import REST, ROOT, CallTree, build_call_tree

Stacks = list[list[int]]


def tree_of(stacks: Stacks, weights: list[int], cutoff: float, *, inverted: bool = False) -> CallTree:
    start = np.concatenate([[0], np.cumsum([len(s) for s in stacks])]).astype(np.int64)
    frame = np.array([f for s in stacks for f in s], np.int32)
    mass = np.array(weights, np.float64)[:, None]
    tree = build_call_tree(start, frame, mass, np.array([cutoff]), inverted=inverted)
    assert tree is not None
    return tree


def totals(tree: CallTree, weights: list[int]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    own = np.zeros(len(tree), np.int64)
    np.add.at(own, tree.node_of_sample, np.array(weights, np.int64))
    total = own.copy()
    for node in range(len(tree) - 1, 0, -1):
        total[tree.parent[node]] += total[node]
    return own, total


def paths(tree: CallTree) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for node in range(1, len(tree)):
        found.append((*found[tree.parent[node]], int(tree.frame[node])))
    return found


def test_samples_end_at_their_own_path() -> None:
    tree = tree_of([[2, 1], [3, 1], [1]], [5, 6, 7], 1)
    _, total = totals(tree, [5, 6, 7])
    assert dict(zip(paths(tree), total.tolist(), strict=True)) == {(): 18, (1,): 18, (1, 2): 5, (1, 3): 6}


def test_inverted_tree_starts_at_the_leaves() -> None:
    tree = tree_of([[2, 1], [2, 3], [1]], [5, 6, 7], 1, inverted=True)
    _, total = totals(tree, [5, 6, 7])
    assert dict(zip(paths(tree), total.tolist(), strict=True)) == {
        (): 18, (1,): 7, (2,): 11, (2, 1): 5, (2, 3): 6,
    }  # fmt: skip


def test_small_children_become_one_rest_that_counts_them() -> None:
    tree = tree_of([[2, 1], [3, 1], [9, 4, 1], [5, 1]], [50, 2, 3, 40], 10)
    _, total = totals(tree, [50, 2, 3, 40])
    rest = int(np.flatnonzero(tree.frame == REST)[0])
    assert (tree.folded[rest], total[rest], tree.frame[tree.parent[rest]]) == (2, 5, 1)


def test_too_large_a_tree_is_given_up() -> None:
    start = np.array([0, 50], np.int64)
    frame = np.arange(50, dtype=np.int32)
    mass, cutoff = np.ones((1, 1)), np.ones(1)
    assert build_call_tree(start, frame, mass, cutoff, max_nodes=20) is None


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 4), max_size=8), st.integers(0, 100)), max_size=40),
    st.integers(1, 60),
    st.booleans(),
)
def test_nodes_above_the_cutoff_are_exact_and_none_is_lost(
    samples: list[tuple[list[int], int]], cutoff: int, inverted: bool
) -> None:
    stacks, weights = [s for s, _ in samples], [w for _, w in samples]
    tree = tree_of(stacks, weights, cutoff, inverted=inverted)
    _, total = totals(tree, weights)
    expected: dict[tuple[int, ...], int] = {(): 0}
    for stack, weight in samples:
        way = stack if inverted else stack[::-1]
        for depth in range(len(way) + 1):
            expected[tuple(way[:depth])] = expected.get(tuple(way[:depth]), 0) + weight
    shown = {p: t for p, t in zip(paths(tree), total.tolist(), strict=True) if REST not in p}
    assert shown == {p: t for p, t in expected.items() if t >= cutoff or not p}


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=30))
def test_parents_come_first_and_children_are_neighbours(stacks: Stacks) -> None:
    tree = tree_of(stacks, [3] * len(stacks), 5)
    assert tree.frame[0] == ROOT
    assert (tree.parent[1:] < np.arange(1, len(tree))).all()
    assert (np.diff(tree.parent[1:]) >= 0).all()
