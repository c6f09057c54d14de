"""What a recording made by `whet.profile` gets at its end: `python -m whet.driver.finish DIR`.

It runs in a process of its own: the program that was recorded loads nothing of what this needs. It says
nothing: what it cannot make is missing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from whet.analyze.profile.config import Config
from whet.collect.recording import META, REPORT
from whet.driver.html import make_html
from whet.driver.sources import load_profile, write_output
from whet.driver.wall import add_wall
from whet.errors import WhetError

__all__ = ["finish"]


def finish(directory: str) -> None:
    """Add the wall-clock profile and the report to a recording of one process.

    Raises:
        SourceError: a file cannot be read or written.
        FormatError: one is malformed.
    """
    add_wall(directory, json.loads(Path(directory, META).read_text("ascii")))
    page, _ = make_html(load_profile(directory), [directory], Config())
    write_output(str(Path(directory, REPORT)), [page])


if __name__ == "__main__":
    try:
        finish(sys.argv[1])
    except (WhetError, OSError, ValueError):
        sys.exit(1)
