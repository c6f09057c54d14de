"""The pprof codec on random profiles and random damage."""

from __future__ import annotations

import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from pprof_strategies import damaged, profiles
from whet import kernels
from whet.errors import FormatError
from whet.formats import pprof
from whet.model.profile import Profile

PLAIN = profiles().map(lambda p: pprof.encode(p, compress=False))


@given(profiles(), st.booleans())
def test_decode_of_encode_is_the_profile(profile: Profile, compress: bool) -> None:
    assert pprof.decode(pprof.encode(profile, compress=compress)) == profile


@given(PLAIN)
def test_encode_of_decode_is_the_file(data: bytes) -> None:
    assert pprof.encode(pprof.decode(data), compress=False) == data


@given(damaged(PLAIN))
def test_damaged_files_are_refused_or_decoded_but_never_crash(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        once = pprof.encode(pprof.decode(data))
        assert pprof.encode(pprof.decode(once)) == once


@given(damaged(profiles().map(pprof.encode)))
def test_damaged_gzip_is_refused_or_decoded_but_never_crashes(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        pprof.decode(data)


@given(st.one_of(PLAIN, damaged(PLAIN)), st.lists(st.integers(0, 200), max_size=12))
def test_cutting_the_stream_anywhere_changes_nothing(data: bytes, cuts: list[int]) -> None:
    bounds = sorted({0, len(data), *(c for c in cuts if c < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(bounds)]

    def outcome(blocks: list[bytes]) -> object:
        try:
            return kernels.encode_pprof(kernels.decode_pprof(blocks))
        except FormatError as error:
            return error.message, error.offset

    assert outcome(pieces) == outcome([data])
