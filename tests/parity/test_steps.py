"""The compiled step kernels and their reference agree bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet import kernels
from whet.kernels import reference

pytestmark = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

NODES = 4


@st.composite
def ranges(draw: st.DrawFn, *, inlined: bool) -> dict[str, Any]:
    """Draw the arguments of `visible_steps`."""
    widths = draw(st.lists(st.integers(0, 3) if inlined else st.just(1), min_size=1, max_size=5))
    depths = draw(st.lists(st.integers(0, 6), max_size=8))
    start = np.cumsum([0, *depths]).astype(np.int64)
    frames = st.lists(st.integers(0, len(widths) - 1), min_size=int(start[-1]), max_size=int(start[-1]))
    nodes = st.lists(st.integers(-1, NODES - 1), min_size=sum(widths), max_size=sum(widths))
    cut = [sorted(draw(st.tuples(st.integers(0, depth), st.integers(0, depth)))) for depth in depths]
    return {
        "begin": start[:-1] + np.array([low for low, _ in cut], np.int64),
        "end": start[:-1] + np.array([high for _, high in cut], np.int64),
        "stack": np.array(draw(frames), np.int32),
        "node_start": np.cumsum([0, *widths]).astype(np.int64),
        "nodes": np.array(draw(nodes), np.int32),
    }


@given(ranges(inlined=False) | ranges(inlined=True), st.data())
def test_steps_and_their_sums(r: dict[str, Any], data: st.DataObject) -> None:
    ours, expected = kernels.visible_steps(**r), reference.visible_steps(**r)
    for column, other in zip(ours, expected, strict=True):
        assert column.dtype == other.dtype
        assert column.tolist() == other.tolist()
    size = len(r["begin"])
    whole = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
    values = np.array(data.draw(st.lists(whole, min_size=size, max_size=size)), np.int64)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), np.bool_)
    for flags in (None, mask):
        mine = kernels.step_sums(*ours, values, NODES, flags)
        theirs = reference.step_sums(*ours, values, NODES, flags)
        assert [column.tolist() for column in mine] == [column.tolist() for column in theirs]


@given(ranges(inlined=True))
def test_step_sums_are_those_of_stacks(r: dict[str, Any]) -> None:
    start, step = kernels.visible_steps(**r)
    values = np.arange(1, len(start), dtype=np.int64)
    _, cum = kernels.step_sums(start, step, values, NODES)
    rows = [set(step[a:b].tolist()) for a, b in zip(start[:-1].tolist(), start[1:].tolist(), strict=True)]
    sums = [0] * NODES
    for value, row in zip(values.tolist(), rows, strict=True):
        for node in row:
            sums[node] += value
    assert cum.tolist() == sums


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"begin": np.array([-1], np.int64)}, "leaves the stack"),
        ({"end": np.array([3], np.int64)}, "leaves the stack"),
        ({"begin": np.array([2], np.int64), "end": np.array([1], np.int64)}, "leaves the stack"),
        ({"end": np.array([1, 1], np.int64)}, "differ in length"),
        ({"stack": np.array([0, 2], np.int32)}, "no location"),
        ({"stack": np.array([-1, 0], np.int32)}, "no location"),
        ({"node_start": np.array([0, 1, 3], np.int64)}, "does not fit nodes"),
    ],
)
@pytest.mark.parametrize("node_start", [[0, 1, 2], [0, 2, 2]])
def test_ranges_that_do_not_fit_are_refused(
    changed: dict[str, Any], problem: str, node_start: list[int]
) -> None:
    arguments: dict[str, Any] = {
        "begin": np.array([0], np.int64),
        "end": np.array([2], np.int64),
        "stack": np.array([0, 1], np.int32),
        "node_start": np.array(node_start, np.int64),
        "nodes": np.array([0, 1], np.int32),
    }
    assert len(kernels.visible_steps(**arguments)[1]) == 2
    with pytest.raises(ValueError, match=problem):
        kernels.visible_steps(**(arguments | changed))


def test_steps_that_are_no_nodes_are_refused() -> None:
    start, values = np.array([0, 1], np.int64), np.ones(1, np.int64)
    for node in (-1, 2):
        with pytest.raises(ValueError, match="no node"):
            kernels.step_sums(start, np.array([node], np.int32), values, 2)
    with pytest.raises(ValueError, match="does not fit start"):
        kernels.step_sums(start, np.zeros(1, np.int32), np.ones(2, np.int64), 2)
