"""The real pprof reads what we write, merges as we merge, and refuses what we refuse."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from interop.generated import random_profile
from interop.pprof_oracle import run_pprof
from whet.errors import FormatError
from whet.formats import pprof
from whet.model.columns import take_rows
from whet.model.merge import merge
from whet.model.profile import Labels, Profile, Samples

CASES = 25


def merged_by_pprof(directory: Path, files: list[bytes]) -> bytes | None:
    """Return the uncompressed profile that pprof makes of the files, None where it refuses them."""
    names = []
    for i, data in enumerate(files):
        path = directory / f"{i}.pb"
        path.write_bytes(data)
        names.append(str(path))
    out = directory / "merged.pb.gz"
    out.unlink(missing_ok=True)
    run_pprof(["-symbolize=none", "-proto", f"-output={out}", *names])
    return gzip.decompress(out.read_bytes()) if out.exists() else None


def test_merged_profiles_are_those_of_pprof_byte_by_byte(tmp_path: Path) -> None:
    compared = 0
    for seed in range(CASES):
        profile = random_profile(seed)
        if not len(profile.mappings):
            continue  # pprof adds one of its own
        profile.locations.column[:] = 0  # pprof unites lines that differ in column only
        profile.drop_frames = profile.keep_frames = 0  # pprof drops frames before it merges
        files = [pprof.encode(profile), pprof.encode(random_variant(profile), compress=False)]
        ours = merge([pprof.decode(data) for data in files])
        assert merged_by_pprof(tmp_path, files) == pprof.encode(ours, compress=False), f"seed {seed}"
        compared += 1
    assert compared >= CASES // 3


def random_variant(profile: Profile) -> Profile:
    """Return the profile with its samples in another order and other values."""
    order = np.random.default_rng(1).permutation(len(profile.samples))
    stack_start, frames = take_rows(profile.samples.stack_start, order)
    label_start, places = take_rows(profile.samples.label_start, order)
    old = profile.samples.labels
    labels = Labels(old.key[places], old.text[places], old.number[places], old.unit[places])
    values = -3 * profile.samples.values[order]
    samples = Samples(stack_start, profile.samples.stack[frames], values, label_start, labels)
    return replace(profile, samples=samples, comments=profile.comments[::-1], period=profile.period + 5)


def test_what_pprof_refuses_is_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    rng = random.Random(7)
    refused = 0
    for seed in range(CASES):
        data = bytearray(pprof.encode(random_profile(seed), compress=False))
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path = tmp_path / "damaged.pb"
        path.write_bytes(data)
        status, _ = run_pprof(["-symbolize=none", "-raw", str(path)])
        try:
            pprof.decode(bytes(data))
            accepted = True
        except FormatError:
            accepted = False
            refused += 1
        assert accepted == (status == 0), f"seed {seed}"
    assert refused
