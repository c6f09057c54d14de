"""The compiled digest against its twin, and reports from digests against reports from models."""

from __future__ import annotations

import random
from typing import Any

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


def answers(digest: Any, columns: int) -> list[object]:
    """Ask a digest everything."""
    found: list[object] = [digest.facts(), digest.has_inlines]
    for column in range(columns):
        found.append(digest.sum(column))
        for cutoff in (0, 1, 100):
            rows = digest.rows(cutoff)
            found += [rows, [digest.node(row[0]) for row in rows]]
            for trimmed in (False, True):
                found.append(sorted(digest.calls([row[0] for row in rows], trimmed, cutoff)))
    return found


def outcome(digest: Any, data: bytes) -> object:
    try:
        made = digest([data[:7], data[7:]])
    except FormatError as error:
        return type(error)
    return answers(made, len(made.facts()["sample_type"]))


@needs_native
@given(profiles())
def test_both_digests_give_the_same_answers(profile):
    data = pprof.encode(profile, compress=False)
    assert outcome(kernels.digest_pprof, data) == outcome(reference.digest_pprof, data)


@needs_native
@given(damaged(profiles().map(lambda p: pprof.encode(p, compress=False))))
def test_both_digests_refuse_the_same_input(data):
    assert outcome(kernels.digest_pprof, data) == outcome(reference.digest_pprof, data)


@needs_native
@given(damaged(profiles().map(lambda p: pprof.encode(p, compress=False))))
def test_digest_refuses_what_the_decoder_refuses(data):
    def refuses(read: Any) -> bool:
        try:
            read([data])
        except FormatError:
            return True
        return False

    assert refuses(kernels.digest_pprof) == refuses(kernels.decode_pprof)


def general(path: str, config: Config) -> object:
    try:
        loaded = load_request(Request(sources=[path]), config)
        output = prof.make_report(loaded.profile, "top", "", config)
        return b"".join(output.pieces), loaded.warnings + output.warnings
    except WhetError as error:
        return str(error)


def quick(path: str, config: Config) -> object:
    try:
        output = prof.make_quick_report(Request(sources=[path]), "top", config)
        return output and (b"".join(output.pieces), output.warnings)
    except WhetError as error:
        return str(error)


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
    found = quick(str(path), configured(options))
    if found is not None:
        assert found == general(str(path), configured(options))


@pytest.mark.parametrize("seed", range(40))
def test_report_of_a_plausible_profile_is_the_same(tmp_path, seed):
    path = tmp_path / "cpu.pb.gz"
    path.write_bytes(pprof.encode(random_profile(seed)))
    rng = random.Random(seed)
    for options in ({}, {"sort": "cum"}, {"nodecount": str(rng.randrange(1, 12))}, {"trim": "false"}):
        found = quick(str(path), configured(options))
        if found is not None:
            assert found == general(str(path), configured(options))
