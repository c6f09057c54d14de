"""What tests of the formats share: flat and cum counted the plain way, random profiles, real files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import strategies as st

from whet.model.builder import ProfileBuilder
from whet.model.frames import frame_table, stacks
from whet.model.profile import Profile

DATA = Path(__file__).parent / "data" / "formats"

Totals = dict[tuple[str, str], int]


def flat_cum(profile: Profile, index: int = 0) -> tuple[Totals, Totals]:
    """Return flat and cum of every function, by (name, file), zeros left out."""
    table = frame_table(profile)
    flat: Counter[tuple[str, str]] = Counter()
    cum: Counter[tuple[str, str]] = Counter()
    for stack, value in zip(stacks(profile, table), profile.samples.values[:, index].tolist(), strict=True):
        functions = [(table.frames[frame].name, table.frames[frame].file) for frame in stack]
        for function in functions[:1]:
            flat[function] += value
        for function in set(functions):
            cum[function] += value
    return {k: v for k, v in flat.items() if v}, {k: v for k, v in cum.items() if v}


def by_name(totals: Totals) -> dict[str, int]:
    """Add up the functions of one name."""
    names: Counter[str] = Counter()
    for (name, _), value in totals.items():
        names[name] += value
    return dict(names)


NAMES = st.one_of(
    st.sampled_from(["main", "<module>", "f (a.py:1)", "#note: x", "tid:7", "P1", "a:b:3", "C::f<int>", " "]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";"), min_size=1, max_size=8),
)
FILES = st.one_of(st.just(""), st.sampled_from(["a.py", "/x/b (1).py", "<frozen runpy>", "c:d.py"]))
FRAMES = st.tuples(NAMES, FILES, st.integers(0, 9999), st.integers(0, 99))
VALUES = st.one_of(st.integers(0, 9), st.integers(0, 1 << 50))


@st.composite
def framed_profiles(draw: st.DrawFn, *, values: st.SearchStrategy[int] = VALUES) -> Profile:
    """Draw a profile whose frames are names, files and lines, with two sample types."""
    builder = ProfileBuilder([("samples", "count"), ("cpu", "nanoseconds")])
    frames = draw(st.lists(FRAMES, min_size=1, max_size=6))
    rows = [builder.frame(*frame) for frame in frames]
    for _ in range(draw(st.integers(1, 6))):
        stack = draw(st.lists(st.sampled_from(rows), min_size=1, max_size=6))
        builder.sample(stack, [draw(values), draw(values)])
    builder.sample(rows[:1], [1, 10])
    return builder.build()
