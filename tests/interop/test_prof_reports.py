"""Reports are those of the real `go tool pprof`, byte by byte."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from interop import real_profiles
from interop.generated import random_profile
from interop.pprof_oracle import OPTIONS, REPORTS, difference, run_pprof, run_whet
from whet.formats import pprof

SOURCE = Path(__file__).parent / "goprofiles"
KINDS = real_profiles.GO_KINDS
CASES = int(os.environ.get("WHET_DIFFERENTIAL_CASES", "40"))
SEED = int(os.environ.get("WHET_DIFFERENTIAL_SEED", "1"))


@pytest.fixture(scope="session")
def go_profiles(tmp_path_factory):
    """Return the directory with a Go program's profiles."""
    directory = tmp_path_factory.mktemp("goprofiles")
    real_profiles.go_profiles(directory)
    return directory


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("report", REPORTS)
def test_go_profile_is_reported_like_pprof(go_profiles, kind, report):
    profile = go_profiles / f"{kind}.pb.gz"
    if not profile.exists():
        pytest.skip(f"this Go has no {kind} profile")
    assert difference([report, str(profile)]) == ""


@pytest.mark.parametrize("options", [o for o in OPTIONS if o])
@pytest.mark.parametrize("report", ["-top", "-tree"])
def test_options_do_what_pprof_does(go_profiles, report, options):
    rewritten = options.replace("run", "runtime").replace("app", "main").replace("parse", "fib")
    assert difference([report, *rewritten.split(), str(go_profiles / "cpu.pb.gz")]) == ""


@pytest.mark.parametrize("index", ["0", "1", "2", "alloc_objects", "inuse_space", "space"])
def test_sample_index_chooses_like_pprof(go_profiles, index):
    assert difference(["-top", f"-sample_index={index}", str(go_profiles / "heap.pb.gz")]) == ""


@pytest.mark.parametrize("regex", ["main.words|main.allocate|main.contend", "strings.Fields"])
@pytest.mark.parametrize("kind", ["cpu", "allocs", "mutex"])
def test_source_listing_is_that_of_pprof_without_recursion(go_profiles, monkeypatch, kind, regex):
    monkeypatch.chdir(SOURCE)
    assert difference([f"-list={regex}", str(go_profiles / f"{kind}.pb.gz")]) == ""


def test_recursive_function_is_not_more_than_the_whole_in_a_listing(go_profiles, monkeypatch):
    monkeypatch.chdir(SOURCE)
    status, text, _ = run_whet(["list", "main.fib", str(go_profiles / "cpu.pb.gz")])
    assert status == 0
    shares = [
        float(line.split("(flat, cum)")[1].split("%")[0]) for line in text.splitlines() if "(flat," in line
    ]
    assert shares
    assert max(shares) <= 100


def test_written_profile_is_read_by_pprof(go_profiles, tmp_path):
    source, copy = str(go_profiles / "cpu.pb.gz"), str(tmp_path / "copy.pb.gz")
    status, _, _ = run_whet(["proto", "-focus=main", "-o", copy, source])
    assert status == 0
    assert run_pprof(["-raw", copy]) == run_pprof(["-raw", "-focus=main", source])


@pytest.mark.parametrize("case", range(CASES))
def test_random_profile_is_reported_like_pprof(tmp_path, case):
    seed = SEED * 1_000_003 + case
    print(f"WHET_DIFFERENTIAL_SEED={SEED}, case {case}, profile seed {seed}")
    path = tmp_path / "random.pb.gz"
    path.write_bytes(pprof.encode(random_profile(seed)))
    rng = random.Random(seed)
    arguments = [rng.choice(REPORTS), *rng.choice(OPTIONS).split(), str(path)]
    assert difference(arguments) == "", arguments


@pytest.mark.parametrize("kinds", [("cpu", "cpu"), ("heap", "allocs"), ("mutex", "block")])
@pytest.mark.parametrize("report", ["-top", "-tree", "-raw"])
def test_merged_profiles_are_reported_like_pprof(go_profiles, kinds, report):
    assert difference([report, *(str(go_profiles / f"{kind}.pb.gz") for kind in kinds)]) == ""


@pytest.mark.parametrize("case", range(CASES))
def test_merged_random_profiles_are_reported_like_pprof(tmp_path, case):
    seed = SEED * 1_000_003 + case
    print(f"WHET_DIFFERENTIAL_SEED={SEED}, case {case}, profile seeds {seed} and {-seed}")
    first, second = random_profile(seed), random_profile(-seed)
    # pprof forgets the time where a later source has none, and mixes columns of one line.
    second.time_nanos = first.time_nanos
    paths = []
    for i, profile in enumerate((first, second)):
        profile.locations.column[:] = 0
        paths.append(str(tmp_path / f"{i}.pb.gz"))
        Path(paths[-1]).write_bytes(pprof.encode(profile))
    rng = random.Random(seed)
    assert difference([rng.choice(REPORTS), *rng.choice(OPTIONS).split(), *paths]) == ""
