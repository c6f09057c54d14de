"""Profiles of real programs for comparing reports: made by Go's runtime, and recorded by whet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from go_toolchain import go_command

GO_KINDS = ["cpu", "heap", "allocs", "mutex", "block", "goroutine", "threadcreate", "goroutineleak"]
_HERE = Path(__file__).parent
_MIX = _HERE.parents[1] / "benchmarks" / "programs" / "stdlib_mix.py"


def go_profiles(directory: Path) -> list[Path]:
    """Run a Go program that writes a profile of each kind that its Go has."""
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    subprocess.run(
        [go_command(), "run", "main.go", str(directory)],
        cwd=_HERE / "goprofiles", check=True, env=environment, timeout=240,
    )  # fmt: skip
    return [path for kind in GO_KINDS if (path := directory / f"{kind}.pb.gz").exists()]


def recorded_profiles(directory: Path, count: int) -> list[Path]:
    """Record a Python program; every run differs."""
    profiles = []
    for i in range(count):
        target = directory / f"recording{i}"
        command = [sys.executable, "-m", "whet", "run", "-q", "--no-report", "-o", str(target), "--rate=200"]
        subprocess.run([*command, str(_MIX), str(2 + 3 * i)], check=True, capture_output=True, timeout=240)
        profiles.append(target / "cpu.pb.gz")
    return profiles
