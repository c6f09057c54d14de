"""callgrind files are pprof's, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from format_samples import DATA
from interop.pprof_oracle import run_pprof, run_whet

NAMES = ["go_heap.txt", "py_spy.collapsed.txt", "perf_script.txt", "memray.csv", "cprofile.pstats"]


@pytest.mark.parametrize("name", NAMES)
def test_callgrind_file_is_that_of_pprof(name: str, tmp_path: Path) -> None:
    profile, theirs, ours = (tmp_path / file for file in ("profile.pb.gz", "theirs", "ours"))
    assert run_whet(["-proto", "-o", str(profile), str(DATA / name)])[0] == 0
    assert run_pprof(["-callgrind", "-output", str(theirs), str(profile)])[0] == 0
    assert run_whet(["-callgrind", "-o", str(ours), str(profile)])[0] == 0
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_pprof_opens_what_was_read_from_another_format(path: Path, tmp_path: Path) -> None:
    profile = tmp_path / "profile.pb.gz"
    assert run_whet(["-proto", "-o", str(profile), str(path)])[0] == 0
    status, theirs = run_pprof(["-top", str(profile)])
    ours = run_whet(["-top", str(profile)])
    assert (status, theirs) == (0, ours[1])
