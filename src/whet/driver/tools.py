"""Tools of other people that read programs: `go tool`, binutils. Runs them, prints nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from whet.errors import SourceError

__all__ = ["run_tool"]

_TIMEOUT_S = 120
_LONGEST_MESSAGE = 300


def run_tool(name: str, arguments: list[str], tools: str, *, text: str = "") -> str:
    """Run a tool of Go or of binutils; return what it writes.

    `tools` is pprof's `-tools`: directories separated by ',', each perhaps with `NAME:` before it.

    Raises:
        SourceError: there is no such tool, or it fails.
    """
    command = _tool(name, tools)
    if command is None:
        package = "Go" if name == "go" else "binutils"
        raise SourceError(
            f"there is no {name} on PATH", hint=f"install {package}, or say where it is: -tools=DIRECTORY"
        )
    # A module in the working directory must not choose, or even fetch, another version of Go.
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [command, *arguments], input=text.encode(), capture_output=True, check=False,
            timeout=_TIMEOUT_S, cwd="/", env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SourceError(f"{name} takes longer than {_TIMEOUT_S} seconds") from None
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:_LONGEST_MESSAGE]
        raise SourceError(f"{name} failed: {said or f'exit status {done.returncode}'}")
    return done.stdout.decode("utf-8", "surrogateescape")


def _tool(name: str, tools: str) -> str | None:
    for part in filter(None, (tools or os.environ.get("PPROF_TOOLS", "")).split(",")):
        named, _, directory = part.rpartition(":")
        if named in ("", name):
            path = Path(directory) if Path(directory).is_file() else Path(directory, name)
            if os.access(path, os.X_OK):
                return str(path.absolute())
    return shutil.which(name)
