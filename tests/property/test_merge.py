"""Merging and compacting random profiles."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from pprof_strategies import profiles
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
