"""Runs the README: every command it shows, with the output it shows.

A block ```console compare=N``` holds one command and its output, of which the first N lines (or `all`) are
compared. Measured numbers, paths and the width of columns are masked; words and order are not.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from go_toolchain import go_on_path, toolchain
from whet.cli.main import main
from whet.cli.streams import Streams

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Comprehensions became part of their function in 3.12: the tour was recorded on 3.11.
TOUR_PYTHON = (3, 11)


@dataclass(frozen=True)
class Shown:
    """A command and what the README says it prints."""

    command: str
    lines: tuple[str, ...]
    compared: int


def blocks(language: str) -> list[tuple[str, str]]:
    return [(info, text) for name, info, text in FENCE.findall(README) if name == language]


def shown() -> list[Shown]:
    commands = []
    for info, text in blocks("console"):
        first, *lines = text.splitlines()
        assert first.startswith("$ "), first
        wanted = info.strip().removeprefix("compare=")
        commands.append(Shown(first[2:], tuple(lines), len(lines) if wanted == "all" else int(wanted)))
    return commands


def masked(line: str) -> str:
    """Replace what differs from run to run."""
    line = re.sub(r"(?<![\w.])/\S+/(?=examples/)", "DIR/", line)
    line = re.sub(r"\d[\d,.]*(ns|us|ms|s|%|x)?", "N", line)
    line = re.sub(r"^[ N.]+ N:", "N:", line)  # a line of source: one that took a sample or none
    return re.sub(r"[ \t]+", " ", line).strip()


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tour")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run_in(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{go_on_path()}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


# One test, because later commands read what earlier ones recorded.
def test_tour_prints_what_the_readme_shows(tour: Path) -> None:
    pytest.importorskip("whet._probe", reason="whet was installed without its collectors")
    for step in shown():
        if step.command.startswith("go ") and toolchain() is None:
            print(f"no go command: not run: {step.command}")
            continue
        done = run_in(tour, step.command)
        assert done.returncode == 0, f"$ {step.command}\n{done.stdout}"
        if sys.version_info[:2] != TOUR_PYTHON and "peek" in step.command:
            continue
        expected = [masked(line) for line in step.lines[: step.compared]]
        assert [masked(line) for line in done.stdout.splitlines()[: step.compared]] == expected


def test_summary_of_the_tour_has_the_columns_shown(tour: Path) -> None:
    pytest.importorskip("whet._probe", reason="whet was installed without its collectors")
    heading = next(line for step in shown() for line in step.lines if "if free" in line)
    done = run_in(tour, "whet run -o small examples/indexer.py --files 200")
    assert heading.split() in [line.split() for line in done.stdout.splitlines()]


def test_program_of_the_readme_runs(tour: Path) -> None:
    pytest.importorskip("whet._probe", reason="whet was installed without its collectors")
    for _, text in blocks("python"):
        (tour / "snippet.py").write_text(text, encoding="utf-8")
        done = run_in(tour, "python snippet.py")
        assert done.returncode == 0, done.stdout
    assert (tour / "out/cpu.pb.gz").exists()


def test_shell_blocks_name_targets_verbs_and_options_that_exist() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for _, text in blocks("sh"):
        for line in text.splitlines():
            program, name, *rest = line.partition("#")[0].split()
            assert program in ("make", "whet"), line
            if program == "make":
                assert (name in targets, rest) == (True, []), line
                continue
            out = io.BytesIO()
            assert main([name, "--help"], Streams(out, io.BytesIO())) == 0, line
            assert all(option in out.getvalue().decode() for option in rest if option.startswith("-")), line


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/quirks.md"])
def test_links_to_files_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{name} links to {target}"


def test_every_quirk_is_pinned_by_a_test_that_exists() -> None:
    pinned = re.findall(
        r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs/quirks.md").read_text(encoding="utf-8")
    )
    assert pinned
    for file, test in pinned:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {test}"
