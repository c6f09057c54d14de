"""Merging and compacting random profiles."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.generated import random_profile
from pprof_strategies import profiles
from whet import kernels
from whet.analyze.profile.load import with_mapping
from whet.errors import FormatError
from whet.formats import pprof
from whet.model.merge import compact, merge
from whet.model.profile import Profile


def totals(profile: Profile) -> list[int]:
    """Sum each value column, wrapping around like int64."""
    with np.errstate(over="ignore"):
        return profile.samples.values.sum(axis=0, dtype=np.int64).tolist()


@given(profiles())
def test_compact_keeps_totals_and_is_idempotent(profile: Profile) -> None:
    small = compact(profile)
    assert totals(small) == totals(profile)
    assert compact(small) == small
    assert pprof.decode(pprof.encode(small)) == small


@given(profiles())
def test_merging_a_profile_with_itself_doubles_its_values(profile: Profile) -> None:
    double = merge([profile, profile])
    assert totals(double) == [(2 * t + (1 << 63)) % (1 << 64) - (1 << 63) for t in totals(profile)]
    assert len(double.locations) <= len(compact(profile).locations)


@pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")
@given(st.lists(profiles(), min_size=1, max_size=4), st.data())
def test_merging_one_after_the_other_is_merging_at_once(sources: list[Profile], data: st.DataObject) -> None:
    # Of one kind and with much in common: some sources come again with other values.
    again = [_negated(p) if data.draw(st.booleans()) else p for p in sources]
    sources = [p for p in (*sources, *again) if _types(p) == _types(sources[0])]
    merger = pprof.merger()
    assert merger is not None
    for source in sources:
        assert merger.add(source)
    assert merger.finish() == merge([with_mapping(source) for source in sources])


@pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")
@pytest.mark.parametrize("seed", range(30))
def test_merging_plausible_profiles_one_after_the_other_is_merging_at_once(seed: int) -> None:
    first = random_profile(seed)
    sources = [first, *(p for p in map(random_profile, range(200)) if _types(p) == _types(first))][:6]
    merger = pprof.merger()
    assert merger is not None
    for source in sources:
        assert merger.add_stream(io.BytesIO(pprof.encode(source)))
    assert merger.finish() == merge([with_mapping(source) for source in sources])


@pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")
def test_a_profile_of_another_kind_or_a_damaged_one_is_left_out() -> None:
    profile = random_profile(1)
    other = replace(profile, sample_type=[(0, 0), *profile.sample_type[1:]])
    merger = pprof.merger()
    assert merger is not None
    assert merger.add(profile)
    assert not merger.add(other)
    with pytest.raises(FormatError):
        merger.add_stream(io.BytesIO(pprof.encode(profile)[:-20]))
    assert merger.add(profile)
    assert merger.finish() == merge([with_mapping(profile), with_mapping(profile)])


def _types(profile: Profile) -> object:
    kind, unit = profile.period_type or (0, 0)
    return profile.sample_type_names(), profile.strings.text(kind), profile.strings.text(unit)


def _negated(profile: Profile) -> Profile:
    return replace(profile, samples=replace(profile.samples, values=-profile.samples.values))
