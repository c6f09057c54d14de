"""The interactive shell: what a line means, and what it answers."""

from __future__ import annotations

import io
import sys

import pytest

from unit_profiles import labelled_profile
from whet.analyze.profile.config import Config
from whet.analyze.profile.load import as_loaded
from whet.cli.shell import run_shell
from whet.cli.streams import Streams
from whet.driver.shell import Session
from whet.errors import UsageError


@pytest.fixture
def session():
    return Session(as_loaded(labelled_profile())[0], Config())


def answer(session, line):
    return b"".join(piece for reply in session.execute(line) for piece in reply.pieces).decode()


def test_number_after_a_command_limits_rows(session):
    assert len(answer(session, "top1").splitlines()) == len(answer(session, "top 1").splitlines()) == 4
    assert session.config.nodecount == -1


def test_assignment_lasts_and_comment_is_ignored(session):
    assert session.execute("focus=leaf //: only these") == []
    assert session.config.focus == "leaf"
    session.execute(":")
    assert session.config.focus == ""


def test_arguments_focus_and_ignore_for_one_command(session):
    text = answer(session, "top leaf -other -cum")
    assert "focus=leaf" in text
    assert "ignore=other" in text
    assert session.config.focus == ""


def test_arguments_of_tags_are_about_labels(session):
    assert "tagfocus" not in answer(session, "top")
    assert "worker" not in answer(session, "tags main")


def test_sample_type_is_a_shortcut(session):
    session.execute("mean_cpu")
    assert (session.config.sample_index, session.config.mean) == ("cpu", True)
    session.execute("total_cpu")
    assert session.config.mean is False


def test_options_are_listed_with_what_they_may_be(session):
    lines = answer(session, "o").splitlines()
    assert any("sample_index" in line and "//: [samples | cpu]" in line for line in lines)
    assert any(line.split()[:3] == ["compact_labels", "=", "true"] for line in lines)


def test_redirection_and_pipe_are_taken_off(session):
    (reply,) = session.execute("top >somewhere")
    assert reply.output == "somewhere"
    (reply,) = session.execute("top 3 | head -2")
    assert reply.pipe == "head -2"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "unrecognized command"),
        ("focus", "please specify a value"),
        ("list", "requires an argument"),
        ("top >", "unexpected end of line"),
        ("nodecount 5", "unrecognized command|did you mean"),
        ("sample_index=nothing", "not a sample type"),
        ("peek [", "parsing argument"),
        ("help nonsense", "unknown command"),
    ],
)
def test_line_that_makes_no_sense_is_explained(session, line, message):
    with pytest.raises(UsageError, match=message):
        session.execute(line)


def test_quitting_is_said(session):
    for word in ("q", "quit", "exit"):
        assert session.execute(word)[0].quit


def test_names_and_commands_are_completed(session):
    assert session.completions("call_t") == ["call_tree"]
    assert session.completions("help traces") == ["traces"]
    assert session.completions("peek eaf") == ["leaf"]
    assert session.completions("top -oth") == ["-other"]
    assert session.completions("tags ma") == []


def test_lines_of_standard_input_are_answered_until_it_ends(session, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("top 1\nnonsense\ncomments\nq\ntop\n"))
    out, err = io.BytesIO(), io.BytesIO()
    assert run_shell(session, Streams(out, err)) == 0
    assert "root" in out.getvalue().decode()
    assert out.getvalue().endswith(b"a note\n")
    assert 'unrecognized command: "nonsense"' in err.getvalue().decode()
