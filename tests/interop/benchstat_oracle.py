"""The real benchstat, built once from the Go module proxy, beside `whet stat`."""

from __future__ import annotations

import functools
import io
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from go_toolchain import go_command
from whet.cli.main import main
from whet.cli.streams import Streams

VERSION = "v0.0.0-20260908200009-22c9c6c9d4da"


@functools.cache
def benchstat_command() -> str:
    """Return the path of benchstat, or skip the test with the reason."""
    go = go_command()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whet-tests" / VERSION
    binary = cache / "benchstat"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            built = subprocess.run(
                [go, "install", f"golang.org/x/perf/cmd/benchstat@{VERSION}"],
                env={**os.environ, "GOBIN": folder, "GOFLAGS": "-mod=mod"},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            if built.returncode:
                pytest.skip(f"benchstat cannot be built: {built.stderr.strip().splitlines()[-1]}")
            (Path(folder) / "benchstat").replace(binary)
    return str(binary)


def run_benchstat(arguments: list[str], cwd: Path, *, timeout_s: float = 60) -> tuple[bytes, bytes]:
    """Run the real benchstat; return what it wrote to standard output and to standard error."""
    done = subprocess.run(
        [benchstat_command(), *arguments], capture_output=True, check=False, cwd=cwd, timeout=timeout_s
    )
    return done.stdout, done.stderr


def run_whet_stat(arguments: list[str]) -> tuple[int, bytes, str]:
    """Run `whet stat` in this process; return its exit status and both outputs."""
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["stat", *arguments], Streams(out, err))
    return status, out.getvalue(), err.getvalue().decode("utf-8", "replace")
