"""The compiled digest against its twin, and reports from digests against reports from models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.generated import random_profile
from pprof_strategies import damaged, profiles
from whet import kernels
from whet.analyze.profile.config import Config, set_option
from whet.driver import prof
from whet.driver.request import Request, load_request
from whet.errors import FormatError, WhetError
from whet.formats import pprof
from whet.kernels import reference
from whet.model.profile import Profile

needs_native = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "sort": st.sampled_from(["flat", "cum"]),
        "nodecount": st.sampled_from(["0", "1", "3", "10"]),
        "nodefraction": st.sampled_from(["0", "0.005", "0.2", "2"]),
        "edgefraction": st.sampled_from(["0", "0.3"]),
        "trim": st.sampled_from(["true", "false"]),
        "unit": st.sampled_from(["auto", "ms", "kB"]),
        "sample_index": st.sampled_from(["0", "1"]),
    },
)


Blocks = list[bytes]


def answers(module: Any, sources: list[Blocks], negative: list[bool]) -> list[object]:
    """Ask digests everything, alone and summed up together."""
    digests = [module.digest_pprof(blocks) for blocks in sources]
    found: list[object] = [(digest.facts(), digest.has_inlines) for digest in digests]
    for column in range(min(len(digest.facts()["sample_type"]) for digest in digests)):
        sums = module.node_sums(digests, negative, column)
        found += [sums.totals, sums.label_keys, sums.flat_total, sums.present, sums.has_nameless]
        for cutoff in (0, 1, 100):
            rows = sums.rows(cutoff)
            found += [rows, [sums.node(row[0]) for row in rows]]
            for trimmed in (False, True):
                found.append(sorted(sums.calls([row[0] for row in rows], trimmed, cutoff)))
    return found


def outcome(module: Any, *sources: bytes, negative: tuple[bool, ...] = (False,)) -> object:
    try:
        return answers(module, [[data[:7], data[7:]] for data in sources], list(negative))
    except FormatError as error:
        return type(error)


@needs_native
@given(profiles())
def test_both_digests_give_the_same_answers(profile):
    data = pprof.encode(profile, compress=False)
    assert outcome(kernels, data) == outcome(reference, data)


@needs_native
@given(profiles(), profiles(), st.booleans(), st.booleans())
def test_both_digests_of_several_profiles_give_the_same_answers(one, other, first, second):
    data = [pprof.encode(p, compress=False) for p in (one, other)]
    signs = (first, second)
    assert outcome(kernels, *data, negative=signs) == outcome(reference, *data, negative=signs)


@needs_native
@given(damaged(profiles().map(lambda p: pprof.encode(p, compress=False))))
def test_digest_refuses_what_the_decoder_refuses(data):
    def refuses(read: Any, *arguments: Any) -> bool:
        try:
            read(*arguments)
        except FormatError:
            return True
        return False

    try:
        digest = kernels.digest_pprof([data[:9], data[9:]])
    except FormatError:
        assert refuses(kernels.decode_pprof, [data])
        return
    # Without sample types nothing reads the samples, and no report is made of them.
    if digest.facts()["sample_type"]:
        assert refuses(kernels.node_sums, [digest], [False], 0) == refuses(kernels.decode_pprof, [data])


def general(request: Request, config: Config) -> object:
    try:
        loaded = load_request(request, config)
        output = prof.make_report(loaded.profile, "top", "", config)
        return b"".join(output.pieces), loaded.warnings + output.warnings
    except WhetError as error:
        return str(error)


def quick(request: Request, config: Config) -> object:
    output = prof.make_quick_report(request, "top", config)
    return output and (b"".join(output.pieces), output.warnings)


def configured(options: dict[str, str]) -> Config:
    config = Config()
    for name, value in options.items():
        config = set_option(config, name, value)
    return config


@settings(max_examples=150, deadline=None)
@given(profile=profiles(), options=OPTIONS)
def test_report_is_the_same_with_and_without_numpy(tmp_path_factory, profile, options):
    path = tmp_path_factory.mktemp("digest") / "cpu.pb.gz"
    path.write_bytes(pprof.encode(profile))
    request = Request(sources=[str(path)])
    found = quick(request, configured(options))
    if found is not None:
        assert found == general(request, configured(options))


SIDES = st.sampled_from([(2, 0), (3, 0), (1, 1), (2, 1), (1, 2)])


@settings(max_examples=150, deadline=None)
@given(data=st.data(), sides=SIDES, options=OPTIONS)
def test_report_of_several_profiles_is_the_same_with_and_without_numpy(
    tmp_path_factory, data, sides, options
):
    folder = tmp_path_factory.mktemp("digest")
    request = _written(folder, [data.draw(profiles()) for _ in range(sum(sides))], sides[0])
    found = quick(request, configured(options))
    if found is not None:
        assert found == general(request, configured(options))


def _written(folder: Path, sources: list[Profile], count: int) -> Request:
    paths = []
    for number, profile in enumerate(sources):
        path = folder / f"{number}.pb.gz"
        path.write_bytes(pprof.encode(profile))
        paths.append(str(path))
    return Request(sources=paths[:count], diff_base=paths[count:])


CHOICES = ({}, {"sort": "cum"}, {"nodecount": "7"}, {"trim": "false"})


@pytest.mark.parametrize("seed", range(40))
def test_report_of_a_plausible_profile_is_the_same(tmp_path, seed):
    request = _written(tmp_path, [random_profile(seed)], 1)
    for options in CHOICES:
        found = quick(request, configured(options))
        if found is not None:
            assert found == general(request, configured(options))


@pytest.mark.parametrize("sides", [(1, 1), (2, 0), (2, 1)])
def test_report_of_plausible_profiles_of_one_program_is_the_same(tmp_path, sides):
    made = 0
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        # Of one kind: the same tables, and values of their own.
        request = _written(folder, [_varied(random_profile(seed), n) for n in range(sum(sides))], sides[0])
        for options in CHOICES:
            found = quick(request, configured(options))
            if found is not None:
                made += 1
                assert found == general(request, configured(options))
    assert made > 20


def _varied(profile: Profile, number: int) -> Profile:
    rng = np.random.default_rng(number)
    factors = rng.integers(0, 5, len(profile.samples))[:, None]
    samples = replace(profile.samples, values=np.abs(profile.samples.values) * factors)
    return replace(profile, samples=samples)


@settings(max_examples=100, deadline=None)
@given(profile=profiles())
def test_proto_is_the_same_with_and_without_numpy(tmp_path_factory, profile):
    request = _written(tmp_path_factory.mktemp("copy"), [profile], 1)
    found = prof.make_quick_report(request, "proto", Config())
    if found is not None:
        loaded = load_request(request, Config())
        assert _whole(found) == _whole(prof.make_report(loaded.profile, "proto", "", Config()))


@needs_native
@pytest.mark.parametrize("seed", range(20))
def test_proto_of_a_plausible_profile_is_the_same(tmp_path, seed):
    profile = random_profile(seed)
    profile = replace(profile, drop_frames=0, keep_frames=0)
    request = _written(tmp_path, [profile], 1)
    found = prof.make_quick_report(request, "proto", Config())
    loaded = load_request(request, Config())
    expected = prof.make_report(loaded.profile, "proto", "", Config())
    assert _whole(found) == _whole(expected) or (found is None and loaded.profile != profile)


def _whole(output: prof.Output | None) -> object:
    return output and (b"".join(output.pieces), output.warnings, output.binary)
