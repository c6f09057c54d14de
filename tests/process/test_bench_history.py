"""`whet bench --vs` on a project that nobody here wrote: releases from PyPI as its history."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile

import pytest

from process.harness import needs_collector

pytestmark = [needs_collector, pytest.mark.slow, pytest.mark.timeout(600)]

RELEASES = ("3.0.0", "3.0.1", "3.0.2")
# Every 32nd document is parsed twice: 3 % more work for whatever parses.
BEFORE = "        if state is None:\n            state = self.block.state_cls()\n"
PLANTED = (
    "        self.calls = getattr(self, 'calls', 0) + 1\n"
    "        if self.calls % 32 == 0:\n"
    "            self.parse(s)\n"
) + BEFORE
BENCHMARKS = """
import mistune

PARAGRAPH = "Some *text* with a [link](https://example.org) and `code`.\\n"


def bench_paragraph(b):
    for _ in b:
        mistune.html(PARAGRAPH)


def bench_escape(b):
    for _ in b:
        mistune.escape("a < b & c > d" * 10)
"""


def git(folder, *words):
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistune")
    git(folder, "init", "--quiet")
    for release in RELEASES:
        downloads = tmp_path_factory.mktemp("download")
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run(
            [*command, "-d", downloads, f"mistune=={release}"], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"mistune {release} cannot be downloaded")
        with tarfile.open(next(downloads.glob("*.tar.gz"))) as archive:
            archive.extractall(downloads, filter="data")
        git(folder, "rm", "-rqf", "--ignore-unmatch", ".")
        subprocess.run(["cp", "-r", f"{downloads}/mistune-{release}/.", folder], check=True)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", release)
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks/bench_mistune.py").write_text(BENCHMARKS)
    return folder


def versus(folder, revision, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "whet", "bench", "--vs", revision, "--threshold=1%", "--no-lock", *arguments],
        cwd=folder, env={**os.environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_planted_three_percent_are_found_and_named(repository):
    source = repository / "src/mistune/markdown.py"
    clean = source.read_text()
    assert BEFORE in clean
    source.write_text(clean.replace(BEFORE, PLANTED, 1))
    try:
        done = versus(repository, "HEAD", "--timeout=60s")
    finally:
        source.write_text(clean)
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "slower by" in rows["Paragraph"], done.stdout + done.stderr
    assert "slower" not in rows["Escape"]
    assert done.returncode == 1
    assert "Paragraph" in done.stderr


def test_releases_are_compared_and_nothing_is_left(repository):
    before = git(repository, "status", "--porcelain"), git(repository, "worktree", "list")
    done = versus(repository, "HEAD~2", "--timeout=10s")
    assert done.returncode in (0, 1), done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["Paragraph", "Escape"]
    assert (git(repository, "status", "--porcelain"), git(repository, "worktree", "list")) == before
