"""What whet opens in a program that it records is not among the program's descriptors."""

import resource
from pathlib import Path

import pytest

from process.harness import PROGRAMS, needs_collector, run, whet_run
from whet.collect.recording import write_unnoticed

pytestmark = needs_collector


def test_program_that_lists_and_closes_descriptors_never_meets_ours(tmp_path: Path) -> None:
    done = run(whet_run([str(PROGRAMS / "descriptors.py")], tmp_path / "rec", "--all"), cwd=tmp_path)
    assert (done.status, done.err.decode()) == (0, "")
    assert done.out.decode() == "1 list of descriptors as it began\n"


def test_files_are_written_by_descriptors_of_nobody(tmp_path: Path) -> None:
    path = tmp_path / "é \udcff"
    for data in (b"", b"old", bytes(range(256)) * 40_000):
        write_unnoticed(str(path), data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "there.tmp").mkdir()
    with pytest.raises(IsADirectoryError, match=r"there\.tmp|there"):
        write_unnoticed(str(tmp_path / "there"), b"new")
    with pytest.raises(FileNotFoundError):
        write_unnoticed(str(tmp_path / "missing" / "file"), b"new")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_unnoticed(str(path), b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_unnoticed(str(path), bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(file, file.read_bytes()) for file in tmp_path.iterdir()] == [(path, b"old")]
