import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.cli.run_options import parse
from whet.collect.recording import (
    claim,
    encode_json,
    fresh_directory,
    is_recording,
    release,
    write_atomically,
)
from whet.driver.run import interpreter_flags
from whet.errors import SourceError, UsageError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_json_is_read_back_by_the_standard_library(value: object) -> None:
    assert json.loads(encode_json(value)) == value


def test_numbers_that_json_lacks_are_null() -> None:
    assert json.loads(encode_json([float("nan"), float("inf"), float("-inf"), 1.5])) == [
        None,
        None,
        None,
        1.5,
    ]


def test_text_that_is_no_text_survives() -> None:
    assert json.loads(encode_json("a\udcffb")) == "a\udcffb"


def test_claim_makes_parents_and_release_removes_only_what_it_made(tmp_path: Path) -> None:
    place = tmp_path / "a/b"
    made = claim(str(place))
    assert made
    assert is_recording(str(place))
    release(str(place), made=made)
    assert not place.exists()
    place.mkdir()
    made = claim(str(place))
    assert not made
    release(str(place), made=made)
    assert list(place.iterdir()) == []


def test_claim_refuses_what_is_not_a_recording(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"schema": "another"}')
    with pytest.raises(SourceError, match="not empty and not a recording"):
        claim(str(tmp_path))
    assert (tmp_path / "meta.json").read_text() == '{"schema": "another"}'


def test_failed_write_leaves_the_old_content_and_no_scratch(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(str(path), b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_fresh_directories_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "whet-now-")
    first = fresh_directory("a b/c")
    assert first == str(tmp_path / "whet-now-a_b_c")
    Path(first).mkdir()
    assert fresh_directory("a b/c") == f"{first}-2"


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (["x.py", "--rate", "5"], ["x.py", "--rate", "5"]),
        (["--", "-strange.py"], ["-strange.py"]),
        (["-m", "mod", "-m"], ["-m", "mod", "-m"]),
        (["-mmod", "a"], ["-m", "mod", "a"]),
        (["-q", "-c", "1", "2"], ["-c", "1", "2"]),
        (["--rate=7", "-", "a"], ["-", "a"]),
    ],
)
def test_program_begins_at_the_first_word_that_is_no_option(arguments: list[str], target: list[str]) -> None:
    assert parse(arguments).target == target


def test_options_are_parsed_in_both_forms() -> None:
    options = parse(["-o", "out", "--rate", "250", "--duration=1.5", "--open", "--no-report", "x.py"])
    assert (options.output, options.settings.rate_hz, options.settings.duration_s) == ("out", 250, 1.5)
    assert options.flags == {"open", "no_report"}


@pytest.mark.parametrize("arguments", [["-c"], ["--open=1", "x"], ["-z", "x"], ["--rate"], ["--"]])
def test_bad_options_are_usage_errors(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(arguments)


@pytest.mark.parametrize(
    ("original", "argv", "flags"),
    [
        (["python", "-m", "whet", "run", "x"], ["/whet/__main__.py", "run", "x"], []),
        (["python", "-X", "dev", "-m", "whet", "run"], ["/whet/__main__.py", "run"], ["-X", "dev"]),
        (["python", "-OBm", "whet", "run"], ["/whet/__main__.py", "run"], ["-OB"]),
        (["python", "-u", "-mwhet", "run"], ["/whet/__main__.py", "run"], ["-u"]),
        (["python", "-u", "/bin/whet", "run"], ["/bin/whet", "run"], ["-u"]),
        (["python", "/bin/whet", "run"], ["/bin/whet", "run"], []),
        (["python", "-m", "pytest", "-q"], ["/else", "other"], []),
    ],
)
def test_interpreter_flags_are_found(
    original: list[str], argv: list[str], flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.orig_argv", original)
    monkeypatch.setattr("sys.argv", argv)
    assert interpreter_flags() == flags
