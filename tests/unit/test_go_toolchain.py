"""Which Go the tests take: `go` is a script here."""

from __future__ import annotations

import os

import pytest

import go_toolchain
from go_toolchain import WANTED, Toolchain

GO = """#!/bin/sh
case "$GOTOOLCHAIN" in
local) echo {own_root}; echo {own} ;;
{wanted}) {answer} ;;
*) exit 3 ;;
esac
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a go of a version, which fetches others by a shell command."""

    def install(own: str, answer: str) -> str:
        path = tmp_path / "go"
        path.write_text(GO.format(own=own, own_root="/own", wanted=WANTED, answer=answer))
        path.chmod(0o755)
        return str(path)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    find = go_toolchain.toolchain.__wrapped__
    monkeypatch.setattr(go_toolchain, "toolchain", find)
    return install


def test_another_version_fetches_the_wanted_one(installed):
    installed("go1.26.8", f"echo /fetched; echo {WANTED}")
    assert go_toolchain.toolchain() == Toolchain("/fetched/bin/go", WANTED)
    assert go_toolchain.go_command(exact=True) == "/fetched/bin/go"
    assert go_toolchain.go_on_path().startswith(f"/fetched/bin{os.pathsep}")


def test_a_patch_of_the_same_line_is_taken_as_it_is(installed):
    installed("go1.27.9", "exit 1")
    assert go_toolchain.toolchain() == Toolchain("/own/bin/go", "go1.27.9")


def test_where_nothing_can_be_fetched_the_installed_one_is_taken_and_says_why(installed):
    go = installed("go1.26.8", "echo 'go: download: no network' >&2; exit 1")
    assert go_toolchain.toolchain() == Toolchain(go, "go1.26.8", "go: download: no network")
    assert go_toolchain.go_command() == go
    with pytest.raises(pytest.skip.Exception, match=r"go1\.26\.8: go: download: no network"):
        go_toolchain.go_command(exact=True)


def test_one_that_knows_no_toolchains_is_taken_and_says_so(installed):
    go = installed("go1.20", "echo /own; echo go1.20")
    assert go_toolchain.toolchain() == Toolchain(go, "go1.20", f"go1.20 cannot fetch {WANTED}")


def test_without_go_tests_are_skipped(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert go_toolchain.toolchain() is None
    assert go_toolchain.go_on_path() == str(tmp_path)
    with pytest.raises(pytest.skip.Exception, match="no go command on PATH"):
        go_toolchain.go_command()
