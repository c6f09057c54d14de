"""The compiled kernels of benchmark results and their reference agree bit for bit."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whet import kernels
from whet.kernels import reference

pytestmark = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

PIECES = [
    b"Benchmark", b"BenchmarkX", b"A/b=1-8", b" ", b"\t", b"  ", b"\r", b"\n", b"\n", b"1", b"12345", b"1.5",
    b"0.000001", b"123456789012345", b"1234567890123456", b"12345678901234.5", b"123456789012345.6",
    b".5", b"5.",
    b"-1", b"1e3", b"ns/op", b"B/op", b"\xc2\xb5s", b"\x00", b"\x7f", b":", b"key: v", b"Unit", b"PASS", b"_",
    b"999999999999999999", b"1000000000000000000", b"\xff",
]  # fmt: skip
BLOCK = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
LINES = st.lists(
    st.builds(
        lambda name, n, pairs, end: b"Benchmark%s %d%s%s" % (name, n, b"".join(pairs), end),
        st.sampled_from([b"A", b"B-8", b"C/x"]),
        st.integers(0, 10**18),
        st.lists(st.sampled_from([b" 1 u", b"\t2.50 ns/op", b" 3 B/op ", b" x", b" 4"]), max_size=40),
        st.sampled_from([b"\n", b"\r\n", b" \n", b"\r\r\n"]),
    ),
    max_size=8,
).map(b"".join)


def columns(found: Any) -> list[Any]:
    values = [getattr(found, f.name) for f in fields(found)]
    return [(v.dtype, v.tobytes()) if isinstance(v, np.ndarray) else v for v in values]


@settings(max_examples=400)
@given(st.one_of(BLOCK, LINES))
def test_scanning_agrees(block: bytes) -> None:
    assert columns(kernels.scan_results(block)) == columns(reference.scan_results(block))


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(1, 7), min_size=1, max_size=8), max_size=4), st.data())
def test_counting_agrees(problems: list[list[int]], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, min((sum(p) for p in problems), default=0)))
    two_u = [data.draw(st.integers(0, 2 * first * (sum(p) - first))) for p in problems]
    start = np.cumsum([0, *map(len, problems)]).astype(np.int64)
    ties = np.array([t for p in problems for t in p], np.int64)
    arguments = (start, ties, first, np.array(two_u, np.int64))
    for ours, theirs in zip(kernels.rank_tails(*arguments), reference.rank_tails(*arguments), strict=True):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize(
    ("start", "ties", "first", "two_u"),
    [
        ([0, 2], [1], 1, [0]), ([0], [1], 0, []), ([0, 1], [0], 0, [0]), ([0, 1], [3], 4, [0]),
        ([0, 1], [3], 1, [5]), ([0, 1], [3], 1, [-1]), ([0, 1], [3], -1, [0]), ([1, 1], [3], 1, [0]),
        ([0, 1], [5000], 1, [0]),
    ],
)  # fmt: skip
def test_ranks_that_do_not_fit_are_refused(start, ties, first, two_u) -> None:  # type: ignore[no-untyped-def]
    arrays = [np.array(column, np.int64) for column in (start, ties, two_u)]
    with pytest.raises(ValueError, match="do not fit"):
        kernels.native.rank_tails(arrays[0], arrays[1], first, arrays[2])
