"""Source files are found as pprof finds them, and a bad name is an error, never a wait."""

from __future__ import annotations

import os

import pytest

from whet.driver.sources import SourceReader
from whet.errors import SourceError


def test_relative_name_is_looked_up_in_the_directory_and_its_parents(tmp_path):
    (tmp_path / "a.py").write_text("one\ntwo\r\nthree")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert SourceReader(str(tmp_path / "deep" / "er")).lines("a.py") == ["one", "two", "three"]


def test_name_from_another_machine_is_cut_at_the_directory_of_the_same_name(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "a.py").write_text("x\n")
    assert SourceReader(str(tmp_path / "project")).lines("/build/agent/project/a.py") == ["x"]


@pytest.mark.parametrize("name", ["/nonexistent/a.py", "a\0b", "/a\0b", "", "/", "."])
def test_name_that_is_no_file_is_an_error(tmp_path, name):
    reader = SourceReader(str(tmp_path))
    with pytest.raises(SourceError):
        reader.lines(name)
    assert reader.text(name) is None


def test_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(SourceError, match="not a regular file"):
        SourceReader(str(tmp_path / "elsewhere")).lines(str(tmp_path / "pipe"))
