"""Write a synthetic profile: unique, heavy-tailed stacks over a random call graph.

Usage: python benchmarks/make_profile.py OUT.pb.gz [--samples N] [--functions N] [--depth N]
       [--labels] [--seed N] [--draws N --stacks N]

The same options give the same file. Two sample types, samples/count and cpu/nanoseconds.
With --draws OUT is a folder: N profiles of one program that has so many stacks, each profile
with its own samples of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whet.formats import pprof
from whet.model.columns import take_rows
from whet.model.profile import Functions, Labels, Locations, Mappings, Profile, Samples, StringTable

__all__ = ["drawn_profiles", "synthetic_profile"]

I64 = npt.NDArray[np.int64]

_PERIOD_NS = 10_000_000
_LINES = 3  # locations of each function
_CALLEES = 8
_HEADER_TEXTS = ["", "samples", "count", "cpu", "nanoseconds", "/usr/bin/python3", "thread", "request"]


def synthetic_profile(
    samples: int, *, functions: int = 20_000, depth: int = 30, labels: bool = False, seed: int = 1
) -> Profile:
    """Make a profile of `samples` samples with stacks of `depth` +- a quarter."""
    rng = np.random.default_rng(seed)
    depths = np.clip(rng.normal(depth, depth / 4, samples), 3, 2 * depth).astype(np.int64)
    stack_start = np.concatenate([[0], np.cumsum(depths)])
    counts = np.where(rng.random(samples) < 0.3, 1 / (rng.random(samples) + 1e-4), 1).astype(np.int64)
    names = [f"module_{i % 500:03}.function_{i:05}" for i in range(functions)]
    files = [f"/srv/app/package/module_{i:03}.py" for i in range(500)]
    texts = [*_HEADER_TEXTS, *names, *files]
    label_start, label_columns = _labels(rng, samples, labels)
    function = np.arange(functions)
    first_name, first_file = len(_HEADER_TEXTS), len(_HEADER_TEXTS) + functions
    places = np.arange(functions * _LINES)
    return Profile(
        strings=StringTable.from_texts(texts),
        sample_type=[(1, 2), (3, 4)],
        samples=Samples(
            stack_start=stack_start,
            stack=_stacks(rng, depths, stack_start, functions),
            values=np.stack([counts, counts * _PERIOD_NS], axis=1),
            label_start=label_start,
            labels=label_columns,
        ),
        mappings=_mapping(),
        locations=Locations(
            id=(places + 1).astype(np.uint64),
            mapping=np.zeros(len(places), np.int32),
            address=np.zeros(len(places), np.uint64),
            is_folded=np.zeros(len(places), np.bool_),
            line_start=np.arange(len(places) + 1),
            line_function=(places // _LINES).astype(np.int32),
            line=places // _LINES % 40 * 17 + 2 + 3 * (places % _LINES),
            column=np.zeros(len(places), np.int64),
        ),
        functions=Functions(
            id=(function + 1).astype(np.uint64),
            name=(first_name + function).astype(np.int32),
            system_name=(first_name + function).astype(np.int32),
            filename=(first_file + function % 500).astype(np.int32),
            start_line=function % 40 * 17 + 1,
        ),
        time_nanos=1_760_000_000_000_000_000,
        duration_nanos=int(counts.sum()) * _PERIOD_NS,
        period_type=(3, 4),
        period=_PERIOD_NS,
        default_sample_type=3,
    )


def drawn_profiles(count: int, samples: int, *, stacks: int) -> Iterator[Profile]:
    """Draw profiles of `samples` different stacks each from a program that has `stacks`."""
    program = synthetic_profile(stacks)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(stacks, samples, replace=False))
        start, frames = take_rows(program.samples.stack_start, rows)
        counts = rng.geometric(0.5, samples).astype(np.int64)
        drawn = Samples(
            stack_start=start,
            stack=program.samples.stack[frames],
            values=np.stack([counts, counts * _PERIOD_NS], axis=1),
            label_start=np.zeros(samples + 1, np.int64),
        )
        yield replace(program, samples=drawn)


def _stacks(rng: np.random.Generator, depths: I64, start: I64, functions: int) -> npt.NDArray[np.int32]:
    """Walk the call graph from a few roots, all samples one frame at a time."""
    callees = (functions ** rng.random((functions, _CALLEES))).astype(np.int64) % functions
    current = rng.integers(0, 5, len(depths))
    stack = np.zeros(int(start[-1]), np.int32)
    for level in range(int(depths.max())):
        alive = np.flatnonzero(depths > level)
        choice = (rng.random(len(alive)) ** 2 * _CALLEES).astype(np.int64)
        if level:
            current[alive] = callees[current[alive], choice]
        line = (rng.random(len(alive)) ** 2 * _LINES).astype(np.int64)
        stack[start[alive + 1] - 1 - level] = current[alive] * _LINES + line
    return stack


def _labels(rng: np.random.Generator, samples: int, wanted: bool) -> tuple[I64, Labels]:
    """A thread number on every sample, a request number on every fifth."""
    if not wanted:
        return np.zeros(samples + 1, np.int64), Labels()
    counts = 1 + (np.arange(samples) % 5 == 0)
    start = np.concatenate([[0], np.cumsum(counts)])
    key = np.full(int(start[-1]), _HEADER_TEXTS.index("thread"), np.int32)
    key[start[:-1][counts == 2] + 1] = _HEADER_TEXTS.index("request")
    none = np.zeros(len(key), np.int32)
    return start, Labels(key, none, rng.integers(1, 5000, len(key)), none)


def _mapping() -> Mappings:
    yes, zero = np.ones(1, np.bool_), np.zeros(1, np.uint64)
    name = np.array([_HEADER_TEXTS.index("/usr/bin/python3")], np.int32)
    none = np.zeros(1, np.int32)
    return Mappings(np.ones(1, np.uint64), zero, zero, zero, name, none, yes, yes, yes, yes)


def main() -> None:
    """Write the profile named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--samples", type=int, default=300_000)
    parser.add_argument("--functions", type=int, default=20_000)
    parser.add_argument("--depth", type=int, default=30)
    parser.add_argument("--labels", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draws", type=int, default=0)
    parser.add_argument("--stacks", type=int, default=100_000)
    options = parser.parse_args()
    if options.draws:
        options.out.mkdir(parents=True, exist_ok=True)
        for number, drawn in enumerate(drawn_profiles(options.draws, options.samples, stacks=options.stacks)):
            (options.out / f"{number:04}.pb.gz").write_bytes(pprof.encode(drawn))
        return
    profile = synthetic_profile(
        options.samples,
        functions=options.functions,
        depth=options.depth,
        labels=options.labels,
        seed=options.seed,
    )
    options.out.write_bytes(pprof.encode(profile))


if __name__ == "__main__":
    main()
