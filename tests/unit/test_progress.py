from __future__ import annotations

import io

from whet.cli.streams import Progress, Streams


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def shown(err: io.BytesIO, times_s: list[float]) -> bytes:
    clock = iter([0.0, *times_s])
    progress = Progress(Streams(io.BytesIO(), err), clock=lambda: next(clock))
    for done in range(len(times_s)):
        progress.show("merging", done, len(times_s))
    progress.clear()
    return err.getvalue()


def test_quick_work_is_not_talked_about() -> None:
    assert shown(Terminal(), [0.1, 0.5, 1.4]) == b""


def test_long_work_is_one_line_that_goes_away() -> None:
    assert shown(Terminal(), [1.0, 2.0, 2.1, 2.3]) == (
        b"\rmerging: 1 of 4\x1b[K\rmerging: 3 of 4\x1b[K\r\x1b[K"
    )


def test_nothing_is_written_where_there_is_no_terminal() -> None:
    assert shown(io.BytesIO(), [2.0, 4.0]) == b""
