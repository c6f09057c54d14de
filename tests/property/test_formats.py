"""Every format: out -> in keeps flat and cum, and no bytes at all crash a reader."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from format_samples import DATA, flat_cum, framed_profiles
from whet.errors import WhetError
from whet.formats import collapsed, firefox, pprof, sniff, speedscope
from whet.model.profile import Profile

REAL_FILES = sorted(path.name for path in DATA.iterdir())
# Formats with one value a stack, and how wide its values may be.
WRITERS = [collapsed, firefox, speedscope]


@pytest.mark.parametrize("codec", WRITERS)
@settings(max_examples=40, deadline=None)
@given(profile=framed_profiles(), index=st.integers(0, 1))
def test_written_profile_reads_back_with_the_same_flat_and_cum(codec, profile, index):
    data = codec.encode(profile, index)
    again = sniff.decode(data)
    column = index if len(again.sample_type) == 2 else 0
    assert flat_cum(again, column) == flat_cum(profile, index)


@pytest.mark.parametrize("name", REAL_FILES)
def test_real_file_survives_every_writer(name):
    profile = sniff.decode((DATA / name).read_bytes())
    for codec in WRITERS:
        for index in range(len(profile.sample_type)):
            if not profile.samples.values[:, index].any():
                continue
            again = sniff.decode(codec.encode(profile, index))
            column = index if len(again.sample_type) == len(profile.sample_type) else 0
            assert flat_cum(again, column) == flat_cum(profile, index)
    assert pprof.decode(pprof.encode(profile)) == profile


def decode_or_refuse(data: bytes) -> None:
    """Decode; only errors meant for users may come out."""
    try:
        assert isinstance(sniff.decode(data, source="x"), Profile)
        text = ""
    except WhetError as error:
        text = str(error)
    assert "\n" not in text
    assert len(text) < 400


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data):
    decode_or_refuse(data)


@pytest.mark.parametrize("name", REAL_FILES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_real_file_never_crashes_the_reader(name, data):
    whole = bytearray((DATA / name).read_bytes())
    if whole[:2] == b"\x1f\x8b":
        whole = bytearray(gzip.decompress(whole))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "digits", "delete"]))
        if kind == "flip":
            whole[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "digits":
            whole[at:at] = b"99999999999999999999"
        elif kind == "delete":
            del whole[at : at + data.draw(st.integers(1, 30))]
        else:
            del whole[at:]
        if not whole:
            break
    decode_or_refuse(bytes(whole))
