"""Threads of other processes as text: who they are, how busy, and what they wait for; and live tables.

Takes counted rows as they are and decides only how they look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whet.units import format_value

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["ThreadRow", "TopRow", "thread_table", "top_table"]

# (process, thread, CPU time in ns, [(state, share of the time)], the largest share first)
ThreadRow = tuple[int, str, int, list[tuple[str, float]]]
# (function, file:line, own share since the last picture, own share so far, share with callees so far)
TopRow = tuple[str, str, float, float, float]
_SHOWN_STATES = 4


def thread_table(rows: Sequence[ThreadRow]) -> str:
    """Return a line a thread: process, name, CPU time, and its time by state."""
    lines = []
    width = max((len(row[1]) for row in rows), default=0)
    for pid, name, cpu_ns, states in rows:
        shown = ", ".join(f"{state} {share:.0%}" for state, share in states[:_SHOWN_STATES])
        lines.append(f"{pid:>8}  {name:<{width}}  {format_value(cpu_ns, 'nanoseconds', 'auto'):>9}  {shown}")
    return "\n".join([f"{'process':>8}  {'thread':<{width}}  {'CPU time':>9}  states", *lines])


def top_table(title: str, rows: Sequence[TopRow], caption: str) -> Table:
    """Return the busiest functions as a table for a terminal."""
    from rich.table import Table

    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", expand=True)
    for name in ("now", "own", "total"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("function", ratio=2, no_wrap=True, overflow="ellipsis")
    table.add_column("place", ratio=1, no_wrap=True, overflow="ellipsis")
    for function, place, now, own, total in rows:
        table.add_row(f"{now:.1%}", f"{own:.1%}", f"{total:.1%}", function, place)
    return table
