"""The compiled tree kernels and their reference agree bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet import kernels
from whet.kernels import reference

pytestmark = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

FRAMES = 4


@st.composite
def walks(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of `grow_tree`: few frames, so that paths meet."""
    depths = draw(st.lists(st.integers(0, 6), max_size=12))
    start = np.cumsum([0, *depths]).astype(np.int64)
    frames = st.lists(st.integers(0, FRAMES - 1), min_size=int(start[-1]), max_size=int(start[-1]))
    step = draw(st.sampled_from([1, -1]))
    types = draw(st.integers(1, 2))
    masses = st.lists(st.integers(0, 20), min_size=types * len(depths), max_size=types * len(depths))
    return {
        "frames": np.array(draw(frames), np.int32),
        "frame_count": FRAMES,
        "first": start[:-1] if step > 0 else start[1:] - 1,
        "length": np.diff(start),
        "step": step,
        "mass": np.array(draw(masses), np.float64).reshape(-1, types),
        "cutoff": np.array(draw(st.lists(st.integers(1, 40), min_size=types, max_size=types)), np.float64),
        "path": np.array(draw(st.lists(st.integers(0, FRAMES - 1), max_size=4)), np.int32),
        "share": draw(st.sampled_from([0.0, 0.1, 0.5])),
        "max_nodes": draw(st.sampled_from([0, 0, 5])),
    }


@given(walks())
def test_grow_tree(w: dict[str, Any]) -> None:
    ours, expected = kernels.grow_tree(**w), reference.grow_tree(**w)
    assert (ours is None) == (expected is None)
    if ours is None or expected is None:
        return
    for column, other in zip(ours[:-1], expected[:-1], strict=True):
        assert column.dtype == other.dtype
        assert column.tolist() == other.tolist()
    assert ours.branch == expected.branch


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=6))
def test_count_flags(rows: list[list[bool]]) -> None:
    start = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    flags = np.array([flag for row in rows for flag in row], np.bool_)
    ours, expected = kernels.count_flags(start, flags), reference.count_flags(start, flags)
    assert ours.dtype == expected.dtype
    assert ours.tolist() == expected.tolist() == [sum(row) for row in rows]


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=6))
def test_flag_ends(rows: list[list[bool]]) -> None:
    start = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    flags = np.array([flag for row in rows for flag in row], np.bool_)
    for ours, expected in zip(
        kernels.flag_ends(start, flags), reference.flag_ends(start, flags), strict=True
    ):
        assert ours.dtype == expected.dtype
        assert ours.tolist() == expected.tolist()


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=6),
    st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_flags_of_other_rows(rows: list[list[int]], table: list[bool]) -> None:
    start = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    element = np.array([row for line in rows for row in line], np.int32)
    flags = np.array(table, np.bool_)
    counts = [sum(table[row] for row in line) for line in rows]
    for side in (kernels, reference):
        assert side.count_flags(start, flags, element).tolist() == counts  # type: ignore[attr-defined]
    ours, expected = kernels.flag_ends(start, flags, element), reference.flag_ends(start, flags[element])
    assert [column.tolist() for column in ours] == [column.tolist() for column in expected]


def test_rows_without_a_flag_are_refused() -> None:
    start, flags = np.array([0, 1], np.int64), np.zeros(2, np.bool_)
    for row in (-1, 2):
        with pytest.raises(ValueError, match="no flag"):
            kernels.count_flags(start, flags, np.array([row], np.int32))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"first": np.array([2], np.int64)}, "leaves the frames"),
        ({"length": np.array([3], np.int64)}, "leaves the frames"),
        ({"first": np.array([-1], np.int64)}, "leaves the frames"),
        ({"first": np.array([0, 0], np.int64)}, "differ in length"),
        ({"frames": np.array([0, -1], np.int32)}, "frame_count"),
        ({"frame_count": 1}, "frame_count"),
        ({"step": 2}, "step"),
        ({"cutoff": np.ones(2)}, "cutoff"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changed: dict[str, Any], problem: str) -> None:
    arguments: dict[str, Any] = {
        "frames": np.array([0, 1], np.int32),
        "frame_count": 2,
        "first": np.array([0], np.int64),
        "length": np.array([2], np.int64),
        "step": 1,
        "mass": np.ones((1, 1)),
        "cutoff": np.ones(1),
        "path": np.zeros(0, np.int32),
        "share": 0.0,
        "max_nodes": 0,
    }
    assert kernels.grow_tree(**arguments) is not None
    with pytest.raises(ValueError, match=problem):
        kernels.grow_tree(**(arguments | changed))
