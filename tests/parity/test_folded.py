"""The compiled reader of collapsed stacks and its reference agree bit for bit."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whet import kernels
from whet.kernels import reference

pytestmark = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

FRAMES = st.one_of(
    st.sampled_from([
        b"main", b"", b"f (a.py:3)", b"f (a (1).py:3)", b"f (a.py:03)", b"f(a.py:3)", b" (a:1)", b"(a:1)",
        b"f (:1)", b"f (a.py:1234567890123456789)", b"f (a.py:123456789012345678)", b"f a.py:1)",
        b"f )(x:1)", b"\xff", b"a b", b"#", b"samples",
    ]),
    st.binary(max_size=12),
)  # fmt: skip
VALUES = st.sampled_from([
    b"1", b"+1", b"-2", b"0", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775807", b"x",
    b"", b"1,2", b"00000000000000000001", b"1 ", b"1\r", b"1\t\x0b\x0c", b"\xd9\xa1",
])  # fmt: skip
OTHERS = st.sampled_from([b"", b"# x", b" \t", b"7"])
GOOD = st.sampled_from([b"1", b"20", b"-3", b"4\r"])


@st.composite
def texts(draw: st.DrawFn, values: st.SearchStrategy[bytes] = GOOD) -> bytes:
    """Draw collapsed stacks; few frames, so that equal stacks are common."""
    frames = draw(st.lists(FRAMES, min_size=1, max_size=5))
    stacks = st.lists(st.sampled_from(frames), max_size=5).map(b";".join)
    rows = draw(
        st.lists(st.tuples(stacks, values).map(b" ".join) | st.sampled_from([b"", b"# x", b" \t", b"7"]))
    )
    return b"\n".join(rows) + draw(st.sampled_from([b"", b"\n"]))


@given(texts() | texts(VALUES), st.integers(1, 20))
@example(b"a 9223372036854775807\na 1\n", 5)
@example(b"a" * (1 << 24) + b"a 1\n", 1 << 20)
@example(b"a" * (1 << 24) + b" 1\na 2\n", 1 << 20)
@example(b"a;b 1\n" + b"x" * (1 << 24) + b"xx", 1 << 20)
def test_decode_folded(text: bytes, size: int) -> None:
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    compiled, plain = kernels.decode_folded(blocks), reference.decode_folded([text] if size < 20 else blocks)
    assert compiled[:3] == plain[:3]
    if plain.problem:
        return
    assert list(compiled.columns) == list(plain.columns)
    for name, expected in plain.columns.items():
        assert compiled.columns[name].dtype == expected.dtype, name
        assert compiled.columns[name].tolist() == expected.tolist(), name
