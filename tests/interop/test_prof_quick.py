"""Reports made without NumPy are those of the real `go tool pprof`, and say that they were made so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interop.generated import random_profile
from interop.pprof_oracle import difference, run_pprof
from whet import kernels
from whet.analyze.profile.config import Config, set_option
from whet.driver.prof import make_quick_report
from whet.driver.request import Request
from whet.formats import pprof
from whet.model.profile import Profile

OPTIONS = [[], ["-cum"], ["-nodecount=5"], ["-trim=false"], ["-sample_index=0"], ["-nodefraction=0.1"]]


def written(folder: Path, number: int, seed: int) -> str:
    """Write one of several profiles of one program: the same stacks, values of its own."""
    profile = random_profile(seed)
    rng = np.random.default_rng(number)
    profile.samples.values[:] = np.abs(profile.samples.values) * rng.integers(1, 9, (len(profile.samples), 1))
    profile.drop_frames = profile.keep_frames = 0
    path = folder / f"{seed}-{number}.pb.gz"
    path.write_bytes(pprof.encode(profile))
    return str(path)


def is_quick(sources: list[str], base: list[str], options: list[str]) -> bool:
    config = Config()
    for option in options:
        name, _, value = option.lstrip("-").partition("=")
        config = set_option(config, name, value or "true")
    return make_quick_report(Request(sources=sources, diff_base=base), "top", config) is not None


@pytest.mark.parametrize("sides", [(1, 0), (2, 0), (1, 1), (2, 1)])
def test_top_of_files_and_differences_is_that_of_pprof(tmp_path, sides):
    quick = 0
    for seed in range(12):
        files = [written(tmp_path, number, seed) for number in range(sum(sides))]
        sources, base = files[: sides[0]], files[sides[0] :]
        options = OPTIONS[seed % len(OPTIONS)]
        quick += is_quick(sources, base, options)
        assert difference(["-top", *options, *(f"-diff_base={path}" for path in base), *sources]) == ""
    assert quick >= 3


@pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")
def test_pprof_reads_a_copy_as_it_reads_the_original(tmp_path):
    copies = 0
    for seed in range(8):
        source = written(tmp_path, 0, seed)
        output = make_quick_report(Request(sources=[source]), "proto", Config())
        if output is None:
            continue
        copies += 1
        copy = tmp_path / f"{seed}.copy.pb.gz"
        copy.write_bytes(b"".join(output.pieces))
        assert run_pprof(["-raw", str(copy)]) == run_pprof(["-raw", source])
        assert isinstance(pprof.decode(copy.read_bytes()), Profile)
    assert copies >= 2


@pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")
def test_many_files_merge_to_what_pprof_merges(tmp_path):
    for seed in range(6):
        files = [written(tmp_path, number, seed) for number in range(5)]
        assert difference(["-top", "-trim=false", *files]) == ""
        assert difference(["-traces", *files]) == ""
