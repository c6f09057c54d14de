"""The wall-clock profile of a recording, made of its CPU profile, its waits and what is known of its threads.

It is made after the program has ended: it holds nothing that the other files do not, and so costs
the program nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whet.analyze.profile.wall import ThreadLife, wall_profile
from whet.collect.recording import BLOCK, CPU, WALL
from whet.driver.sources import load_profile, write_output
from whet.errors import WhetError
from whet.formats import pprof

__all__ = ["add_wall"]


def add_wall(directory: str, facts: Mapping[str, object]) -> str | None:
    """Write a process's wall-clock profile into its directory, if it has what is needed.

    Args:
        directory: holds the profiles of one process.
        facts: what that process said of itself at its last save, by key of meta.json.

    Returns:
        What went wrong, or None.
    """
    cpu, waits = Path(directory, CPU), Path(directory, BLOCK)
    block = facts.get("block")
    if not isinstance(block, dict) or not (cpu.exists() and waits.exists()):
        return None
    try:
        profile = wall_profile(load_profile(str(cpu)), load_profile(str(waits)), _threads(block))
        write_output(str(Path(directory, WALL)), [pprof.encode(profile)])
    except WhetError as error:
        return f"{WALL} could not be made: {error}"
    return None


def _threads(block: Mapping[str, object]) -> list[ThreadLife]:
    rows = block.get("threads")
    assert isinstance(rows, list)
    return [ThreadLife(row["thread"], row["life_ns"], row["cpu_ns"], row["delay_ns"]) for row in rows]
