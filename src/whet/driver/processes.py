"""The processes of a recording: each has a directory, and the recording's profiles are of all of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from whet.collect.recording import NOT_FOLLOWED, PROCESSES, PROFILES, REQUEST, SESSION, file_sizes
from whet.driver.sources import load_profiles, write_output
from whet.driver.wall import add_wall
from whet.errors import WhetError
from whet.formats import pprof

__all__ = ["join_processes"]


def join_processes(recording: str, main_pid: int) -> tuple[list[dict[str, object]], list[str]]:
    """Make a recording's profiles those of all its processes together.

    The first process's own ones move to its directory below `processes/`. A sample's label
    `process` says whose it is.

    Args:
        recording: its directory, in which there is `processes/`.
        main_pid: the process that the recording was started for.

    Returns:
        What is known of each other process, for `meta.json`; and what went wrong, a line each.
    """
    top = Path(recording)
    parent = top / PROCESSES
    children = sorted(path for path in parent.iterdir() if path.is_dir())
    main = parent / f"{main_pid}-main"
    main.mkdir(exist_ok=True)
    problems = list(filter(None, (_add_wall(child) for child in children)))
    for name in PROFILES:
        if (top / name).exists():
            shutil.copyfile(top / name, main / name)
        sources = [path / name for path in (main, *children) if (path / name).exists()]
        if not sources:
            continue
        try:
            joined = load_profiles([str(source) for source in sources])
            write_output(str(top / name), [pprof.encode(joined)])
        except WhetError as error:
            problems.append(f"{name} is of the first process only: {error}")
    unseen = parent / NOT_FOLLOWED
    if unseen.exists():
        problems.append(
            f"{unseen.stat().st_size} processes after the first {len(children)} were not followed"
        )
    return [_describe(child) for child in children], problems


def _add_wall(directory: Path) -> str | None:
    try:
        facts = json.loads((directory / SESSION).read_text("ascii"))
    except (OSError, ValueError):
        return None
    return add_wall(str(directory), facts)


def _describe(directory: Path) -> dict[str, object]:
    """Return what a process said of itself at its last save."""
    facts: dict[str, object] = {"pid": int(directory.name.partition("-")[0])}
    try:
        facts.update(json.loads((directory / SESSION).read_text("ascii")))
    except (OSError, ValueError):
        facts["refused"] = "it ended before it could say anything"
    session = facts.get("session")
    facts["partial"] = not isinstance(session, dict) or session["ended"] is None
    facts["directory"] = f"{PROCESSES}/{directory.name}"
    facts["files"] = file_sizes(str(directory))
    if not facts["partial"]:
        for name in (SESSION, REQUEST):
            (directory / name).unlink(missing_ok=True)
    return facts
