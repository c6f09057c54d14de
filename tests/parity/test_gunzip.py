"""The compiled unpacker of gzip against zlib."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprof_strategies import damaged
from whet import kernels
from whet.errors import FormatError
from whet.kernels import reference

pytestmark = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

CONTENTS = st.one_of(
    st.binary(max_size=400),
    st.text("ab ", max_size=2000).map(str.encode),
    st.builds(lambda piece, times: piece * times, st.binary(min_size=1, max_size=40), st.integers(1, 9000)),
)
STRATEGIES = [
    zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED,
]  # fmt: skip


def packed(content: bytes, level: int, strategy: int, flush_at: int = 0) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, 31, 8, strategy)
    first = packer.compress(content[:flush_at]) + (packer.flush(zlib.Z_FULL_FLUSH) if flush_at else b"")
    return first + packer.compress(content[flush_at:]) + packer.flush()


def with_header_fields(member: bytes, extra: bytes, name: bytes, has_crc: bool) -> bytes:
    flags = (4 if extra else 0) | (24 if name else 0) | (2 if has_crc else 0)
    header = member[:3] + bytes([flags]) + member[4:10]
    if extra:
        header += len(extra).to_bytes(2, "little") + extra
    if name:
        header += (name + b"\0") * 2
    if has_crc:
        header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
    return header + member[10:]


MEMBERS = st.builds(
    with_header_fields,
    st.builds(packed, CONTENTS, st.integers(0, 9), st.sampled_from(STRATEGIES), st.integers(0, 300)),
    st.binary(max_size=20),
    st.binary(max_size=8).map(lambda name: name.replace(b"\0", b"")),
    st.booleans(),
)
STREAMS = st.lists(st.tuples(MEMBERS, st.integers(0, 3).map(bytes)), min_size=1, max_size=3).map(
    lambda members: b"".join(member + padding for member, padding in members)
)


def outcome(gunzip: Callable[..., object], data: bytes, most: int = 1 << 20) -> bytes | str:
    """Return the content, or what is wrong; the reader gives at most so many bytes at once."""
    stream = io.BytesIO(data)
    try:
        return b"".join(gunzip(lambda size: stream.read(min(size, most))))  # type: ignore[arg-type]
    except FormatError as error:
        return str(error)


@given(STREAMS, st.sampled_from([1, 2, 7, 100, 1 << 20]))
def test_content_is_that_of_zlib(data, most):
    found = outcome(kernels.gunzip, data, most)
    assert isinstance(found, bytes)
    assert found == outcome(reference.gunzip, data)


@given(damaged(STREAMS))
def test_damage_is_refused_in_the_words_of_zlib(data):
    assert outcome(kernels.gunzip, data) == outcome(reference.gunzip, data)


@given(st.binary(max_size=300), st.integers(0, 7))
def test_any_bytes_end_as_with_zlib(rest, block):
    data = b"\x1f\x8b\x08\0\0\0\0\0\0\0" + bytes([rest[0] & 0xF8 | block if rest else block]) + rest[1:]
    assert outcome(kernels.gunzip, data) == outcome(reference.gunzip, data)


@pytest.mark.parametrize("level", range(10))
def test_large_content_is_that_of_zlib(level):
    rng = random.Random(level)
    words = [rng.randbytes(rng.randrange(1, 40)) for _ in range(300)]
    content = b"".join(rng.choice(words) for _ in range(30_000)) + bytes(600_000) + rng.randbytes(200_000)
    found = outcome(kernels.gunzip, packed(content, level, zlib.Z_DEFAULT_STRATEGY))
    assert found == content


def test_a_cut_off_stream_gives_what_came_before():
    data = packed(random.Random(1).randbytes(1000) * 3, 6, zlib.Z_DEFAULT_STRATEGY)
    for size in range(11, len(data), 97):
        pieces: list[bytes] = []
        with pytest.raises(FormatError, match="cut off"):
            pieces.extend(kernels.gunzip(io.BytesIO(data[:size]).read))
        assert outcome(kernels.gunzip, data[:size]) == outcome(reference.gunzip, data[:size])


def test_errors_of_the_reader_come_through():
    def fail(size: int) -> bytes:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        next(kernels.gunzip(fail))
