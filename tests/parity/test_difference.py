"""The difference of two snapshots against the model's merging, its oracle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprof_strategies import profiles
from whet.formats.pprof import decode, encode
from whet.model.merge import merge
from whet.model.profile import Profile

probe = pytest.importorskip("whet._probe", reason="whet was installed without its collectors")

HOUR_NS = 3_600_000_000_000


@st.composite
def snapshots(draw: st.DrawFn) -> tuple[Profile, Profile]:
    """Draw (later, earlier): the earlier has some of the later's samples, with other values."""
    first = merge([draw(profiles(sample_types=2))])
    earlier_values = first.samples.values // draw(st.integers(1, 3))
    if draw(st.booleans()):
        earlier_values[::2] = first.samples.values[::2]
    time_ns, duration_ns = draw(st.integers(0, HOUR_NS)), draw(st.integers(0, HOUR_NS))
    later = replace(first, time_nanos=time_ns, duration_nanos=duration_ns + draw(st.integers(0, HOUR_NS)))
    samples = replace(first.samples, values=earlier_values)
    earlier = replace(first, samples=samples, time_nanos=time_ns, duration_nanos=duration_ns)
    return later, merge([earlier])


def rows(profile: Profile) -> list[tuple[object, ...]]:
    """Return what each sample says, with names in place of numbers."""
    p, text = profile, profile.strings.raw
    places = []
    for i in range(len(p.locations)):
        first, end = p.locations.line_start[i], p.locations.line_start[i + 1]
        lines = [(int(p.locations.line_function[k]), int(p.locations.line[k])) for k in range(first, end)]
        named = [(text(p.functions.name[f]), text(p.functions.filename[f]), line) for f, line in lines]
        places.append((int(p.locations.address[i]), bool(p.locations.is_folded[i]), *named))
    found = []
    s, labels = p.samples, p.samples.labels
    for i in range(len(s)):
        stack = tuple(places[place] for place in s.stack[s.stack_start[i] : s.stack_start[i + 1]])
        kept = tuple(
            (text(labels.key[k]), text(labels.text[k]), int(labels.number[k]), text(labels.unit[k]))
            for k in range(s.label_start[i], s.label_start[i + 1])
        )
        found.append((stack, kept, tuple(map(int, s.values[i]))))
    return sorted(found, key=repr)


@given(snapshots())
def test_difference_is_the_merge_with_the_earlier_negated(both: tuple[Profile, Profile]) -> None:
    later, earlier = both
    negated = replace(earlier, samples=replace(earlier.samples, values=-earlier.samples.values))
    expected = merge([later, negated])
    data = probe.profile_difference(encode(later, compress=False), encode(earlier, compress=False))
    got = decode(data)
    assert got.time_nanos == later.time_nanos + earlier.duration_nanos
    assert got.duration_nanos == later.duration_nanos - earlier.duration_nanos
    assert rows(got) == rows(expected)


@given(profiles(sample_types=2))
def test_a_profile_without_itself_is_empty(profile: Profile) -> None:
    data = encode(merge([profile]), compress=False)
    assert len(decode(probe.profile_difference(data, data)).samples) == 0


@given(profiles(sample_types=1), st.integers(1, 1000))
def test_snapshots_of_two_recordings_have_no_difference(profile: Profile, later_ns: int) -> None:
    other = replace(profile, time_nanos=profile.time_nanos ^ later_ns)
    with pytest.raises(ValueError, match="not of one recording"):
        probe.profile_difference(encode(other, compress=False), encode(profile, compress=False))
