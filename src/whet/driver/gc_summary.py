"""`whet gc summary`: the lines of a recording's gc.txt, or those that WHET_GCTRACE=1 printed."""

from __future__ import annotations

import sys
from pathlib import Path

from whet.analyze.gc_summary import GcSummary, summarize
from whet.collect.recording import GC
from whet.errors import SourceError
from whet.formats import gctrace

__all__ = ["summarize_source"]


def summarize_source(source: str) -> GcSummary:
    """Sum up a file, a recording's directory, or standard input (`-`).

    Raises:
        SourceError: it cannot be read, or has no line of a collection.
    """
    path = Path(source)
    if source != "-" and path.is_dir():
        path = path / GC
    try:
        data = sys.stdin.buffer.read() if source == "-" else path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path}: {(error.strerror or str(error)).lower()}",
            hint="record collections with `whet run --gc`, or print them with WHET_GCTRACE=1",
        ) from None
    lines = gctrace.decode(data.decode("utf-8", "replace"))
    if not lines:
        raise SourceError(f"{source}: no garbage collection in it", hint="docs/gc.md describes the lines")
    return summarize(lines)
