"""Runs docs/stat.md: its commands print what it shows, and it has every option."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from whet.cli.stat import HELP

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/stat.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n\$ ([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), BLOCKS)
def test_commands_print_what_the_page_shows(tmp_path, command, shown):
    shutil.copytree(ROOT / "examples/stat", tmp_path / "files")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path / "files",
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.stdout == shown
    assert done.returncode == ("regression" in shown)


def test_the_page_has_the_options_of_the_help():
    listed = re.findall(r"^\| `(--?[a-z]+)", PAGE, re.MULTILINE)
    assert listed == re.findall(r"^  (--?[a-z]+)", HELP, re.MULTILINE)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
