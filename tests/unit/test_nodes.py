"""Numbering of nodes: the distinct rows of key columns, in the order of their keys."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whet.analyze.profile.nodes import _group

KEYS = st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.lists(st.lists(KEYS, min_size=n, max_size=n), min_size=1, max_size=4)
    )
)
def test_rows_are_numbered_in_order_of_their_keys(columns: list[list[int]]) -> None:
    rows = list(zip(*columns, strict=True))
    node, first = _group([np.array(column, np.int64) for column in columns], len(rows))
    ordered = sorted(set(rows))
    assert node.dtype == np.int32
    assert node.tolist() == [ordered.index(row) for row in rows]
    assert first.tolist() == [rows.index(row) for row in ordered]
