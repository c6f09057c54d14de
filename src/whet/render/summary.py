"""The biggest boxes as a short table for people: plain text, or coloured for a terminal.

Takes the numbers as they are; decides only how they look. Colour never carries meaning
alone: bars repeat the printed shares.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from whet.render.profile.intervals import bound_text
from whet.units import format_value

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["render_summary"]

_BAR_CELLS = 12
_FULL, _WHISKER = "█", "░"
_LEAST_WIDTH = 14


class _Box(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def flat_share(self) -> float: ...
    @property
    def flat_share_low(self) -> float | None: ...
    @property
    def flat_share_high(self) -> float | None: ...
    @property
    def cum_share(self) -> float: ...
    @property
    def amdahl_bound(self) -> float | None: ...


class _Summary(Protocol):
    @property
    def boxes(self) -> Sequence[_Box]: ...
    @property
    def sample_type(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def samples(self) -> int | None: ...
    @property
    def effective_samples(self) -> float: ...
    @property
    def few(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def duration_nanos(self) -> int: ...
    @property
    def period(self) -> int: ...
    @property
    def period_unit(self) -> str: ...
    @property
    def functions(self) -> int: ...


_Column = tuple[str, int, Callable[[_Box], str]]


def render_summary(
    summary: _Summary, *, colour: bool, width: int = 100, root: str = "", title: str = ""
) -> str:
    """Return the table, ending in a newline.

    Args:
        summary: what `driver.summary.summarize` returned.
        title: what the table is about, where it is one of several; such a table has no bounds (they
            are for time that was computed) and no legend.
        colour: whether the reader is a terminal that shows colours and block characters.
        width: columns there are.
        root: directory that file names are shown relative to.
    """
    head = _headline(summary, title)
    if not summary.boxes:
        return f"{head}\n" if title else f"{head}\nno samples fell into the program; nothing to show\n"
    draw = _coloured if colour else _plain
    table = draw(summary, head, _columns(summary, with_bound=not title), width, root)
    return table if title else f"{table}{_footer(summary)}\n"


def _columns(summary: _Summary, *, with_bound: bool) -> list[_Column]:
    """Return the columns of numbers: title, width, what a cell says."""
    columns: list[_Column] = [("own", 7, lambda box: f"{100 * box.flat_share:.1f}%")]
    if any(box.flat_share_low is not None for box in summary.boxes):
        columns.append(("95 % interval", 13, _interval))
    columns.append(("total", 7, lambda box: f"{100 * box.cum_share:.1f}%"))
    if with_bound:
        columns.append(("if free", 8, _bound))
    return columns


def _bound(box: _Box) -> str:
    return "all" if box.amdahl_bound is None else bound_text(box.amdahl_bound)


def _headline(summary: _Summary, title: str) -> str:
    parts = []
    if summary.samples is not None:
        parts.append(f"{summary.samples:,} samples{_rate(summary)}".replace(",", " "))
    total = format_value(summary.total, summary.unit)
    parts.append(f"{total} of {summary.sample_type}")
    if summary.duration_nanos:
        parts[-1] += f" in {format_value(summary.duration_nanos, 'nanoseconds')}"
    return f"{title}: {', '.join(parts)}" if title else ", ".join(parts)


def _rate(summary: _Summary) -> str:
    if summary.period_unit != "nanoseconds" or summary.period <= 0:
        return ""
    return f" at {1e9 / summary.period:.4g} Hz"


def _footer(summary: _Summary) -> str:
    lines = []
    if summary.few and summary.samples is not None:
        lines.append(f"only {summary.samples} samples: the intervals are wide; record longer or faster")
    if summary.reason:
        lines.append(f"no intervals: {summary.reason.removesuffix(', so no intervals')}")
    lines.append(
        "own: in the function itself; total: with all it calls; if free: the most the whole could gain"
    )
    return "\n".join(lines)


def _interval(box: _Box) -> str:
    if box.flat_share_low is None or box.flat_share_high is None:
        return "."
    return f"{100 * box.flat_share_low:.1f}..{100 * box.flat_share_high:.1f}%"


def _place(box: _Box, root: str) -> str:
    if not box.file:
        return ""
    file = _short_file(box.file, root)
    return f"{file}:{box.line}" if box.line else file


def _short_file(file: str, root: str) -> str:
    if root and file.startswith(root.rstrip("/") + "/"):
        return file[len(root.rstrip("/")) + 1 :]
    for marker in ("/site-packages/", "/dist-packages/"):
        if marker in file:
            return file.rpartition(marker)[2]
    head, _, tail = file.rpartition("/lib/python3")
    if head and "/" in tail:
        return tail.partition("/")[2]
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib would be its only import here
    return f"~{file[len(home) :]}" if home != "/" and file.startswith(home + "/") else file


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _plain(summary: _Summary, head: str, columns: list[_Column], width: int, root: str) -> str:
    lines = [head, " ".join(f"{title:>{cells}}" for title, cells, _ in columns) + "  function"]
    taken = sum(cells + 1 for _, cells, _ in columns) + 1
    room = max(width - taken, 2 * _LEAST_WIDTH)
    places = [_place(box, root) for box in summary.boxes]
    place_width = min(max(map(len, places)), max(room // 3, _LEAST_WIDTH))
    name_width = min(max(len(box.name) for box in summary.boxes), room - place_width - 2)
    for box, place in zip(summary.boxes, places, strict=True):
        numbers = " ".join(f"{text(box):>{cells}}" for _, cells, text in columns)
        name = f"{_shortened(box.name, name_width):<{name_width}}"
        lines.append(f"{numbers}  {name}  {_tail(place, place_width)}".rstrip())
    return "\n".join(lines) + "\n"


def _tail(place: str, room: int) -> str:
    if len(place) <= room:
        return place
    shorter = "…/" + posixpath.join(*place.split("/")[-2:])
    return shorter if len(shorter) <= room else f"…{place[-(room - 1) :]}"


def _coloured(summary: _Summary, head: str, columns: list[_Column], width: int, root: str) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    for title, cells, _ in columns:
        table.add_column(title, justify="right", no_wrap=True, min_width=cells - 1)
    table.add_column("", no_wrap=True, min_width=_BAR_CELLS)
    room = width - sum(cells + 1 for _, cells, _ in columns) - _BAR_CELLS - 8
    name_width = min(max(len(box.name) for box in summary.boxes), max(room * 3 // 5, 8))
    table.add_column("function", no_wrap=True, overflow="ellipsis", width=name_width)
    place_width = max(room - name_width, 8)
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=place_width, style="dim")
    largest = max(box.flat_share_high or box.flat_share for box in summary.boxes) or 1.0
    styles = {"95 % interval": "dim", "if free": "green"}
    for row, box in enumerate(summary.boxes):
        style = "bold" if row == 0 else ""
        numbers = [Text(text(box), style=styles.get(title, style)) for title, _, text in columns]
        name = Text(box.name, style=style)
        table.add_row(*numbers, _bar(box, largest), name, _tail(_place(box, root), place_width))
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=width, highlight=False)
    console.print(head, style="bold")
    console.print(table)
    return out.getvalue()


def _bar(box: _Box, largest: float) -> Text:
    """Draw a share: solid up to its lower limit, light up to its upper one."""
    from rich.text import Text

    low = box.flat_share if box.flat_share_low is None else box.flat_share_low
    high = box.flat_share if box.flat_share_high is None else box.flat_share_high
    solid, end = (round(_BAR_CELLS * x / largest) for x in (low, high))
    bar = Text(_FULL * solid, style="cyan")
    bar.append(_WHISKER * (max(end, 1) - solid), style="cyan")
    return bar
