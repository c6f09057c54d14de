"""Random profiles for comparing reports with pprof's: a seed makes a profile.

They are small and odd on purpose: recursion, inlined calls, locations without lines,
equal names in different files, negative and zero values, several mappings or none, string
and numeric labels, hidden comments, unusual units.
"""

from __future__ import annotations

import random

import numpy as np

from whet.model.profile import (
    Functions,
    Labels,
    Locations,
    Mappings,
    Profile,
    Samples,
    StringTable,
)

_NAMES = [
    "main", "run", "parse", "index.build", "pkg.Class.method", "pkg.(*T).Do", "ns::run(int)", "vec<int>::at",
    "größe", "日本語", "a b", "%d", "f[...]", "operator()", "x.func1", "Outer.<locals>.inner", "handle",
    "loop",
]  # fmt: skip
_FILES = [
    "app/main.py",
    "/srv/app/lib/index.py",
    "./rel/../x.go",
    "/usr/src//y.go",
    "",
    "/proc/self/cwd/z.cc",
]
_TYPES = [
    [("samples", "count"), ("cpu", "nanoseconds")],
    [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_space", "bytes")],
    [("contentions", "count"), ("delay", "nanoseconds")],
    [("events", "widgets")],
    [("wall", "microseconds"), ("cost", "milliGCU")],
]  # fmt: skip


class _Texts:
    def __init__(self) -> None:
        self.rows = {"": 0}

    def __call__(self, text: str) -> int:
        return self.rows.setdefault(text, len(self.rows))


def random_profile(seed: int) -> Profile:
    """Make the profile of a seed."""
    rng, text = random.Random(seed), _Texts()
    types = rng.choice(_TYPES)
    functions = _functions(rng, text)
    mappings = _mappings(rng, text)
    locations = _locations(rng, functions, mappings)
    profile = Profile(
        sample_type=[(text(t), text(u)) for t, u in types],
        samples=_samples(rng, text, locations, len(types)),
        mappings=mappings,
        locations=locations,
        functions=functions,
        time_nanos=rng.choice([0, 1_700_000_000_123_456_789]),
        duration_nanos=rng.choice([0, 1_234_567_890, 90_000_000_000]),
        period_type=rng.choice([None, (text("cpu"), text("nanoseconds"))]),
        period=rng.choice([0, 10_000_000]),
        comments=[text(c) for c in rng.sample(["made up", "# hidden", "second: one"], rng.randrange(3))],
        default_sample_type=text(types[0][0]) if rng.random() < 0.3 else 0,
        drop_frames=text("loop|pars.*") if rng.random() < 0.2 else 0,
        keep_frames=text("parse") if rng.random() < 0.5 else 0,
    )
    profile.strings = StringTable.from_texts(list(text.rows))
    return profile


def _functions(rng: random.Random, text: _Texts) -> Functions:
    n = rng.randrange(1, 14)
    names = [rng.choice(_NAMES) for _ in range(n)]
    system_names = [rng.choice(["", name, f"_{name}"]) for name in names]
    return Functions(
        id=np.array(rng.sample(range(1, 50), n), np.uint64),
        name=np.array([text(x) for x in names], np.int32),
        system_name=np.array([text(x) for x in system_names], np.int32),
        filename=np.array([text(rng.choice(_FILES)) for _ in range(n)], np.int32),
        start_line=np.array([rng.choice([0, 5, 40]) for _ in range(n)], np.int64),
    )


def _mappings(rng: random.Random, text: _Texts) -> Mappings:
    n = rng.choice([0, 0, 1, 2])
    flags = [np.array([rng.random() < 0.5 for _ in range(n)], bool) for _ in range(3)]
    return Mappings(
        id=np.arange(1, n + 1, dtype=np.uint64),
        memory_start=np.array([0x1000 * (i + 1) for i in range(n)], np.uint64),
        memory_limit=np.array([0x1000 * (i + 2) for i in range(n)], np.uint64),
        file_offset=np.zeros(n, np.uint64),
        filename=np.array([text(rng.choice(["/usr/bin/app", "/lib/x.so", ""])) for _ in range(n)], np.int32),
        build_id=np.array([text(rng.choice(["", "abc123"])) for _ in range(n)], np.int32),
        # Mappings that claim functions are not symbolized again.
        has_functions=np.ones(n, bool),
        has_filenames=flags[0],
        has_line_numbers=flags[1],
        has_inline_frames=flags[2],
    )


def _locations(rng: random.Random, functions: Functions, mappings: Mappings) -> Locations:
    n = rng.randrange(1, 20)
    inlines = rng.random() < 0.5
    counts = [rng.choice([0, 1, 1, 2, 3]) if inlines else 1 for _ in range(n)]
    lines = sum(counts)
    start = np.zeros(n + 1, np.int64)
    np.cumsum(counts, out=start[1:])
    return Locations(
        id=np.array(rng.sample(range(1, 99), n), np.uint64),
        mapping=np.array([rng.randrange(-1, len(mappings)) for _ in range(n)], np.int32),
        address=np.array([rng.choice([0, 0x1010, 0x2020, 0x10FF]) + 16 * i for i in range(n)], np.uint64),
        is_folded=np.array([rng.random() < 0.1 for _ in range(n)], bool),
        line_start=start,
        line_function=np.array([rng.randrange(len(functions)) for _ in range(lines)], np.int32),
        line=np.array([rng.choice([0, 7, 8, 41, 120]) for _ in range(lines)], np.int64),
        column=np.array([rng.choice([0, 0, 3]) for _ in range(lines)], np.int64),
    )


def _samples(rng: random.Random, text: _Texts, locations: Locations, width: int) -> Samples:
    n = rng.randrange(0, 40)
    depths = [rng.choice([0, 1, 2, 3, 5, 9]) for _ in range(n)]
    start = np.zeros(n + 1, np.int64)
    np.cumsum(depths, out=start[1:])
    largest = rng.choice([3, 1000, 10**7, 10**12])
    lowest = rng.choice([0, 0, -largest])
    values = [[rng.randrange(lowest, largest) for _ in range(width)] for _ in range(n)]
    labels, label_start = _labels(rng, text, n)
    return Samples(
        stack_start=start,
        stack=np.array([rng.randrange(len(locations)) for _ in range(sum(depths))], np.int32),
        values=np.array(values, np.int64).reshape(n, width),
        label_start=label_start,
        labels=labels,
    )


def _labels(rng: random.Random, text: _Texts, samples: int) -> tuple[Labels, np.ndarray]:
    rows, start = [], [0]
    labelled = rng.random() < 0.5
    for _ in range(samples):
        for _ in range(rng.randrange(3) if labelled else 0):
            key = text(rng.choice(["thread", "bytes", "request", "size"]))
            if rng.random() < 0.5:
                rows.append((key, text(rng.choice(["main", "worker 1"])), 0, 0))
            else:
                rows.append((key, 0, rng.choice([0, 7, 4096]), text("bytes")))
        start.append(len(rows))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    kinds = (np.int32, np.int32, np.int64, np.int32)
    arrays = [np.array(c, k) for c, k in zip(columns, kinds, strict=True)]
    return Labels(*arrays), np.array(start, np.int64)
