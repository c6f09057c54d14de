"""Profiles drawn from a distribution of stacks: the truth is known, the noise is sampling's alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.report import prepare
from whet.analyze.profile.runs import build_run
from whet.formats import pprof
from whet.model.profile import Functions, Locations, Profile, Samples, StringTable

PERIOD_NS = 10_000_000


def stack_profile(stacks, values):
    """Return a CPU profile of stacks of function names, root first, with (count, ns) values."""
    names = sorted({name for stack in stacks for name in stack})
    texts = ["", "samples", "count", "cpu", "nanoseconds", "app.py", *names]
    row = {name: i for i, name in enumerate(names)}
    n = len(names)
    functions = Functions(
        id=np.arange(1, n + 1, dtype=np.uint64),
        name=np.arange(6, 6 + n, dtype=np.int32),
        system_name=np.zeros(n, np.int32),
        filename=np.full(n, 5, np.int32),
        start_line=np.arange(1, n + 1),
    )
    locations = Locations(
        id=np.arange(1, n + 1, dtype=np.uint64),
        mapping=np.full(n, -1, np.int32),
        address=np.zeros(n, np.uint64),
        is_folded=np.zeros(n, bool),
        line_start=np.arange(n + 1),
        line_function=np.arange(n, dtype=np.int32),
        line=np.arange(1, n + 1),
        column=np.zeros(n, np.int64),
    )
    frames = [row[name] for stack in stacks for name in reversed(stack)]
    samples = Samples(
        stack_start=np.cumsum([0, *map(len, stacks)]),
        stack=np.array(frames, np.int32),
        values=np.asarray(values, np.int64).reshape(len(stacks), 2),
        label_start=np.zeros(len(stacks) + 1, np.int64),
    )
    return Profile(
        strings=StringTable.from_texts(texts),
        sample_type=[(1, 2), (3, 4)],
        period_type=(3, 4),
        period=PERIOD_NS,
        duration_nanos=10**9,
        samples=samples,
        locations=locations,
        functions=functions,
    )


def counted(profile, counts):
    """Return the profile with other sample counts of equal weight."""
    values = np.stack([counts, np.asarray(counts) * PERIOD_NS], axis=1).astype(np.int64)
    return replace(profile, samples=replace(profile.samples, values=values), comments=[])


def drawn(profile, share, samples, rng):
    """Return the profile with `samples` samples drawn from shares of its stacks."""
    return counted(profile, rng.multinomial(samples, share))


def as_run(profile, source="drawn"):
    """Return the profile as a run of a comparison."""
    return build_run(prepare(as_loaded(profile)[0], Config(), Defaults(trim=False)), source)


def write(path, profile):
    """Write a profile to a file; return its name."""
    path.write_bytes(pprof.encode(profile))
    return str(path)
