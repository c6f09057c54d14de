"""The real `go tool pprof` beside `whet prof`, and how their outputs are compared."""

from __future__ import annotations

import difflib
import io
import itertools
import os
import re
import subprocess

from go_toolchain import go_command
from whet.cli.main import main
from whet.cli.streams import Streams

REPORTS = ["-top", "-tree", "-peek=.", "-traces", "-raw", "-comments"]
OPTIONS = [
    "", "-cum", "-lines", "-filefunctions", "-addresses", "-nodecount=3", "-focus=run", "-ignore=parse",
    "-hide=main|x", "-show=run|pkg", "-sample_index=0", "-unit=ms", "-unit=auto", "-trim=false",
    "-nodefraction=0.1 -edgefraction=0.05", "-focus=app -hide=index", "-cum -lines -nodecount=5",
]  # fmt: skip


def run_pprof(arguments: list[str], cwd: str | None = None) -> tuple[int, str]:
    """Run the real pprof; return its exit status and standard output."""
    environment = {**os.environ, "PPROF_BINARY_PATH": "/nonexistent"}
    done = subprocess.run(
        [go_command(), "tool", "pprof", *arguments],
        capture_output=True,
        check=False,
        cwd=cwd,
        env=environment,
    )
    return done.returncode, done.stdout.decode("utf-8", "surrogateescape")


def run_whet(arguments: list[str]) -> tuple[int, str, str]:
    """Run `whet prof` in this process; return its exit status and both outputs."""
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *arguments], Streams(out, err))
    return (
        status,
        out.getvalue().decode("utf-8", "surrogateescape"),
        err.getvalue().decode("utf-8", "replace"),
    )


def difference(arguments: list[str]) -> str:
    """Return how the two outputs differ, '' if they do not.

    pprof leaves the order of some equal rows to chance: where two runs of it differ, lines
    are compared without their order.
    """
    status, expected = run_pprof(arguments)
    our_status, ours, errors = run_whet(arguments)
    if status != 0:
        return "" if our_status == 2 else f"pprof fails, whet exits with {our_status}"
    if our_status != 0:
        return f"whet exits with {our_status}: {errors}"
    if ours == expected or _settled(ours) == _settled(expected):
        return ""
    for _ in range(6):
        again = run_pprof(arguments)[1]
        if again == ours:
            return ""
        if again != expected and sorted(again.split("\n")) == sorted(ours.split("\n")):
            return ""
    return "".join(
        difflib.unified_diff(expected.splitlines(True), ours.splitlines(True), "pprof", "whet", n=1)
    )


def _settled(text: str) -> list[str]:
    """Return lines with neighbouring edges of one weight, whatever its sign, in one order.

    pprof compares weights that differ in sign only by their size, hence not at all (`edgeList.Less`).
    """
    lines: list[str] = []
    for _, edges in itertools.groupby(text.split("\n"), _edge_weight):
        lines.extend(sorted(edges))
    return lines


def _edge_weight(line: str) -> object:
    found = re.match(r"\s+-?(\S+)\s+\S+ \|   ", line)
    return found[1] if found else object()
