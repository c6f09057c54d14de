"""Which Go the tests compare whet with: the one place that says so.

WANTED is the version whose formats, pages and answers whet follows. An installed `go` of that line is used
as it is; any other from 1.21 on fetches WANTED through the Go module proxy, once: it stays in the module
cache. Where that is not possible the tests run with the installed one, and those of things that only
WANTED has are skipped. `python tests/go_toolchain.py` says which Go it is, and why.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

WANTED = "go1.27.3"
_FETCH_LIMIT_S = 200


@dataclass(frozen=True)
class Toolchain:
    """A Go that can be run.

    Attributes:
        command: path of `go`.
        version: such as `go1.27.3`.
        lacks: why it is not of WANTED's line, or ''.
    """

    command: str
    version: str
    lacks: str = ""


@functools.cache
def toolchain() -> Toolchain | None:
    """Return the Go to use, None if there is none at all."""
    installed = shutil.which("go")
    if installed is None:
        return None
    own = _asked(installed, "local")
    if _line(own.version) == _line(WANTED):
        return own
    if not own.version:
        return None
    wanted = _asked(installed, WANTED)
    if wanted.version == WANTED:
        return wanted
    return Toolchain(installed, own.version, wanted.lacks or f"{own.version} cannot fetch {WANTED}")


def go_command(*, exact: bool = False) -> str:
    """Return the path of `go`, or skip the test with the reason; `exact` needs one of WANTED's line."""
    found = toolchain()
    if found is None:
        pytest.skip("no go command on PATH, so nothing to compare with")
    if exact and found.lacks:
        pytest.skip(f"{WANTED} cannot be had, only {found.version}: {found.lacks}")
    return found.command


def is_older() -> bool:
    """Whether tests of what only WANTED's line has are left out."""
    found = toolchain()
    return found is None or found.lacks != ""


def go_on_path() -> str:
    """Return a PATH on which `go`, if there is one, is that one."""
    found = toolchain()
    path = os.environ["PATH"]
    return f"{Path(found.command).parent}{os.pathsep}{path}" if found else path


def built_program(folder: Path) -> Path:
    """Build the Go program of a folder with a go.mod; return its file.

    It is built once for its sources and this Go. The test is skipped where Go is too old or the modules
    cannot be had; a program that does not compile fails it.
    """
    go = go_command()
    found = toolchain()
    assert found is not None
    sources = [found.version.encode(), *(path.read_bytes() for path in sorted(folder.iterdir()))]
    digest = hashlib.sha256(b"\0".join(sources)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whet-tests"
    program = cache / f"{folder.name}-{digest}"
    if program.exists():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as made:
        done = subprocess.run(
            [go, "build", "-mod=readonly", "-buildvcs=false", "-o", f"{made}/program", "."],
            cwd=folder, env={**os.environ, "GOWORK": "off"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        # What comes from the compiler begins with the package's name.
        assert "\n# " not in f"\n{done.stderr}", done.stderr
        if done.returncode:
            pytest.skip(f"{folder.name} cannot be built: {done.stderr.strip().splitlines()[-1]}")
        Path(made, "program").replace(program)
    return program


def _asked(go: str, version: str) -> Toolchain:
    """Return a toolchain as `go env` knows it, which fetches it; with what went wrong, if anything did."""
    environment = {**os.environ, "GOTOOLCHAIN": version, "GOWORK": "off"}
    # A go.mod in the working directory has a say, too.
    command = [go, "env", "GOROOT", "GOVERSION"]
    try:
        done = subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, timeout=_FETCH_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Toolchain(go, "", str(error))
    if done.returncode:
        return Toolchain(go, "", (done.stderr.strip().splitlines() or ["go env failed"])[-1])
    root, version = done.stdout.splitlines()
    return Toolchain(str(Path(root, "bin", "go")), version)


def _line(version: str) -> str:
    """Return `go1.27` of `go1.27.3`."""
    found = re.match(r"go\d+\.\d+", version)
    return found[0] if found else version


def main() -> None:
    found = toolchain()
    if found is None:
        print("go: not on PATH, tests that compare with it are skipped")
    elif found.lacks:
        print(f"go: {found.version}, not {WANTED}: {found.lacks}")
    else:
        print(f"go: {found.version}, {found.command}")


if __name__ == "__main__":
    main()
