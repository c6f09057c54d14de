"""Two versions of a project beside each other: a git revision and the working tree.

Each becomes a side: a worktree of its own in a temporary directory, and, where the project can be
installed, an environment of its own, a directory that `pip install --target` filled. Both sides run the
benchmarks of the working tree, so that what differs is the code under test. Nothing is written into the
working tree, and all of it is gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whet.driver.bench_process import Job, Side
from whet.errors import SourceError

__all__ = ["Sides", "both_sides"]

_BUILD_FILES = ("pyproject.toml", "setup.py")


class Sides:
    """The old and the new side, and the benchmark files as each of them sees them."""

    def __init__(self, root: Path, old: Side, new: Side) -> None:
        self.old = old
        self.new = new
        self._root = root

    def job(self, job: Job, side: Side) -> Job:
        """Return where `job`'s file lies for `side`."""
        assert side.directory is not None
        return Job(str(Path(side.directory, Path(job.path).relative_to(self._root))))


@contextmanager
def both_sides(
    revision: str, jobs: list[Job], say: Callable[[str], None] = lambda _: None
) -> Iterator[Sides]:
    """Make both sides, and remove them at the end of the block.

    Args:
        revision: what the old side is, in git's words.
        jobs: files of benchmarks, all in the repository of the current directory.
        say: told what is being done.

    Raises:
        SourceError: no repository, no such revision, or a version that does not install.
    """
    root = Path(_git("rev-parse", "--show-toplevel", at=Path.cwd()))
    wrong = f"no such revision: {revision}"
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", at=root, wrong=wrong)
    for job in jobs:
        if not Path(job.path).is_relative_to(root):
            raise SourceError(f"{job.path}: is not in the repository {root}")
    folder = Path(tempfile.mkdtemp(prefix="whet-bench-"))
    trees = {"old": commit, "new": "HEAD"}
    try:
        for name, wanted in trees.items():
            _git("worktree", "add", "--quiet", "--detach", str(folder / name), wanted, at=root)
        _copy_changes(root, folder / "new")
        for job in jobs:
            _copy(Path(job.path), folder / "old" / Path(job.path).relative_to(root))
        sides = []
        for name in trees:
            say(f"installing the {name} side")
            sides.append(_side(folder / name, folder / f"{name}-environment"))
        yield Sides(root, *sides)
    finally:
        for name in trees:
            with suppress(SourceError):
                _git("worktree", "remove", "--force", str(folder / name), at=root)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(SourceError):
            _git("worktree", "prune", at=root)


def _side(tree: Path, environment: Path) -> Side:
    sources = [str(tree / "src")] if (tree / "src").is_dir() else []
    if any((tree / name).exists() for name in _BUILD_FILES):
        _install(tree, environment)
        return Side(str(tree), (str(environment),))
    return Side(str(tree), (*sources, str(tree)))


def _install(tree: Path, environment: Path) -> None:
    options = ["--quiet", "--no-deps", "--target", str(environment), str(tree)]
    if shutil.which("uv"):
        command = ["uv", "pip", "install", "--python", sys.executable, *options]
    else:
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if "error" in line.lower()), "pip failed")
        raise SourceError(f"{tree.name} side: cannot be installed: {reason.strip()}")


def _copy_changes(root: Path, tree: Path) -> None:
    """Give a worktree of HEAD the changes that are not committed, new files included."""
    for name in _git("diff", "--name-only", "-z", "HEAD", at=root).split("\0"):
        if name and not (root / name).exists():
            (tree / name).unlink(missing_ok=True)
        elif name:
            _copy(root / name, tree / name)
    for name in _git("ls-files", "--others", "--exclude-standard", "-z", at=root).split("\0"):
        if name:
            _copy(root / name, tree / name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copy2(source, target)


def _git(*arguments: str, at: Path, wrong: str = "") -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=at, capture_output=True, text=True, check=False,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except FileNotFoundError:
        raise SourceError("git is not installed") from None
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        raise SourceError(wrong or (reason[-1].removeprefix("fatal: ") if reason else "git failed"))
    return done.stdout.rstrip("\n")
