import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE_PROFILE = ROOT / "benchmarks/make_profile.py"


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False, timeout=500
    )


@pytest.fixture(scope="module")
def whet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment into which whet was installed where every compiler fails."""
    folder = tmp_path_factory.mktemp("plain")
    source = folder / "source"
    # A copy: the checkout's build folder must not be touched by a build that fails.
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv*", "build", "whet.out", "*cache*", "tests")
    )
    run(sys.executable, "-m", "venv", folder / "venv").check_returncode()
    pip = folder / "venv/bin/pip"
    made = run(pip, "install", "--quiet", source, CC="/bin/false", CXX="/bin/false")
    if "NewConnectionError" in made.stderr or "Temporary failure in name resolution" in made.stderr:
        pytest.skip("the package index cannot be reached")
    assert made.returncode == 0, made.stderr
    return folder / "venv/bin/whet"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_a_compiler_nothing_is_compiled_and_reading_works(whet: Path, tmp_path: Path) -> None:
    assert not list(whet.parents[1].rglob("whet/*.so"))
    profile = tmp_path / "synthetic.pb.gz"
    run(sys.executable, MAKE_PROFILE, profile, "--samples=200").check_returncode()
    done = run(whet, "prof", "top", profile)
    assert done.returncode == 0, done.stderr
    plain = run(sys.executable, "-m", "whet", "prof", "top", profile)
    assert done.stdout == plain.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_a_compiler_collecting_fails_with_one_clear_line(whet: Path, tmp_path: Path) -> None:
    done = run(whet, "run", "-o", tmp_path / "out", "-c", "print('not run')")
    assert done.returncode == 2
    assert not done.stdout
    first, *hints = done.stderr.splitlines()
    assert first.startswith("whet: error: ")
    assert "without its compiled collectors" in first
    assert all(line.startswith("hint: ") for line in hints)
