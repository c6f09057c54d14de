"""Runs a program under plain python and under `whet run`, and compares what can be seen from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"
PYTHON = sys.executable


def collector_is_missing() -> str | None:
    """Return why this installation cannot collect, or None."""
    code = "from whet.collect.cpu import CpuCollector; c = CpuCollector(); c.start(); c.stop()"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


MISSING = collector_is_missing()
needs_collector = pytest.mark.skipif(MISSING is not None, reason=f"no collector: {MISSING}")


# Where objects lie in memory differs from run to run.
ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass
class Run:
    """What a finished process left behind."""

    status: int
    out: bytes
    err: bytes


def run(command: list[str], *, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Run:
    """Run a command to its end."""
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        timeout=240,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def whet_run(target: list[str], recording: Path, *options: str, flags: tuple[str, ...] = ()) -> list[str]:
    """Return the command line that records `target` without a word."""
    return [PYTHON, *flags, "-m", "whet", "run", "-q", "--no-report", "-o", str(recording), *options, *target]


def meta(recording: Path) -> dict[str, Any]:
    """Return a recording's meta.json."""
    content: dict[str, Any] = json.loads((recording / "meta.json").read_text())
    return content


def assert_same(
    target: list[str],
    tmp_path: Path,
    *,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    flags: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Assert that a program behaves as under plain python; return the recording's meta.json.

    Each run gets an empty directory of the same name as its current one.
    """
    here = tmp_path / "here"
    here.mkdir()
    plain = run([PYTHON, *flags, *target], cwd=here, stdin=stdin, env=env)
    if here.exists():
        here.rmdir()
    here.mkdir()
    recorded = run(whet_run(target, tmp_path / "rec", flags=flags), cwd=here, stdin=stdin, env=env)
    assert ADDRESS.sub("0x", recorded.out.decode()) == ADDRESS.sub("0x", plain.out.decode())
    assert ADDRESS.sub("0x", recorded.err.decode()) == ADDRESS.sub("0x", plain.err.decode())
    assert recorded.status == plain.status
    return meta(tmp_path / "rec")
