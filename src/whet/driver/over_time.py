"""Memory and garbage collections of a recording over time, as a picture.

A recording of several processes shows its first one: memory of processes does not add up to a line.
"""

from __future__ import annotations

import json
from pathlib import Path

from whet.collect.recording import GC, META
from whet.formats import gctrace
from whet.render.over_time import Moments, render_over_time

__all__ = ["over_time"]


def over_time(recording: str) -> str:
    """Return the picture as HTML, empty where the recording has neither memory nor collections."""
    directory = Path(recording)
    collections = gctrace.decode(_text(directory / GC))
    return render_over_time(_moments(_text(directory / META)), collections)


def _moments(meta: str) -> Moments | None:
    try:
        series = json.loads(meta)["heap"]["series"]
        return Moments(series["seconds"], series["resident_bytes"], series["traced_bytes"])
    except (ValueError, KeyError, TypeError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
