"""Memory runs out while a collector looks on: the program lives, and what was lost is counted."""

import json
from pathlib import Path

import pytest

from process.harness import PROGRAMS, PYTHON, needs_collector, run
from process.samples import samples_of
from whet.formats.pprof import decode

pytestmark = needs_collector


@pytest.mark.parametrize(
    ("collector", "lost", "file"),
    [
        ("cpu", "dropped", "cpu.pb.gz"),
        ("heap", "lost_objects", "heap.pb.gz"),
        ("block", "dropped", "block.pb.gz"),
        ("tasks", "lost", "tasks.pb.gz"),
    ],
)
def test_program_outlives_want_of_memory(tmp_path: Path, collector: str, lost: str, file: str) -> None:
    done = run([PYTHON, str(PROGRAMS / "no_memory.py"), collector, str(tmp_path)], cwd=tmp_path)
    assert done.status == 0, done.err[-2000:]
    said = json.loads(done.out)
    assert said["statistics"][lost] > 0
    assert [line for line in said["comments"] if f"{lost}=" in line and "memory" in line]
    # What was seen before is kept.
    names = {name for sample in samples_of(decode((tmp_path / file).read_bytes())) for name in sample.names}
    assert {"left", "right", "descend"} <= names or {"left_of", "right_of", "awaiting"} <= names
