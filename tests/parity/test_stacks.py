"""The compiled stack kernels and their reference agree bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprof_strategies import INT64
from whet import kernels
from whet.kernels import reference

pytestmark = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

NODES = 5


def _starts(counts: list[int]) -> np.ndarray[Any, Any]:
    return np.cumsum([0, *counts]).astype(np.int64)


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of the kernels: few locations, so that recursion is common."""
    inline = draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    depths = draw(st.lists(st.integers(0, 8), max_size=8))
    locations = st.integers(0, len(inline) - 1)

    def array(values: st.SearchStrategy[int], size: int, dtype: type[np.generic]) -> Any:
        return np.array(draw(st.lists(values, min_size=size, max_size=size)), dtype)

    matrix = array(INT64, 2 * len(depths), np.int64).reshape(-1, 2)
    return {
        "stack_start": _starts(depths),
        "stack": array(locations, sum(depths), np.int32),
        "node_start": _starts(inline),
        "nodes": array(st.integers(-1, NODES - 1), sum(inline), np.int32),
        "values": matrix[:, 1],  # a strided column, as reports pass it
        "mask": draw(st.none() | st.just(array(st.integers(0, 1), len(depths), np.bool_))),
    }


def assert_same(kernel: str, *arguments: Any) -> None:
    """Call both kernels and compare every array they return."""
    compiled, plain = getattr(kernels, kernel)(*arguments), getattr(reference, kernel)(*arguments)
    for ours, expected in zip(compiled, plain, strict=True):
        assert ours.dtype == expected.dtype
        assert ours.tolist() == expected.tolist()


@given(stacks())
def test_flat_cum(s: dict[str, Any]) -> None:
    assert_same(
        "flat_cum", s["stack_start"], s["stack"], s["node_start"], s["nodes"], s["values"], NODES, s["mask"]
    )


@given(stacks())
def test_edge_sums(s: dict[str, Any]) -> None:
    assert_same(
        "edge_sums", s["stack_start"], s["stack"], s["node_start"], s["nodes"], s["values"], NODES, s["mask"]
    )


@given(stacks())
def test_call_tree_and_its_values(s: dict[str, Any]) -> None:
    arguments = s["stack_start"], s["stack"], s["node_start"], s["nodes"], s["mask"]
    assert_same("call_tree", *arguments)
    tree = kernels.call_tree(*arguments)
    assert_same("tree_values", tree.parent, tree.sample_row, s["values"])


@given(stacks())
def test_row_groups(s: dict[str, Any]) -> None:
    ours = kernels.row_groups(s["stack_start"], s["stack"])
    assert ours.tolist() == reference.row_groups(s["stack_start"], s["stack"]).tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stack", np.array([9], np.int32)),
        ("stack", np.array([-1], np.int32)),
        ("stack_start", np.array([0, 2], np.int64)),
        ("stack_start", np.array([0, 3, 1], np.int64)),
        ("node_start", np.array([0], np.int64)),
        ("nodes", np.array([7], np.int32)),
        ("values", np.array([1, 2], np.int64)),
        ("mask", np.array([True, False])),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name: str, value: Any) -> None:
    arguments: dict[str, Any] = {
        "stack_start": np.array([0, 1], np.int64),
        "stack": np.array([0], np.int32),
        "node_start": np.array([0, 1], np.int64),
        "nodes": np.array([0], np.int32),
        "values": np.array([1], np.int64),
        "node_count": 1,
        "mask": None,
    }
    kernels.flat_cum(**arguments)
    with pytest.raises(ValueError):
        kernels.flat_cum(**{**arguments, name: value})
