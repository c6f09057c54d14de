"""`whet prof shell`: reads lines, shows what they answer.

On a terminal lines can be edited and completed, are remembered from one time to the next, and
long answers go through a pager ($PAGER, `less` by default). What the lines mean is for
`driver.shell` to say.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from whet.cli.streams import Streams, describe
from whet.driver.shell import Reply, Session
from whet.driver.sources import write_output
from whet.errors import UsageError, WhetError

__all__ = ["run_shell"]

_PROMPT = "(whet) "
_HISTORY_LINES = 1000


def run_shell(session: Session, streams: Streams) -> int:
    """Answer lines of standard input until it ends or a line says so."""
    interactive = sys.stdin is not None and sys.stdin.isatty() and streams.out_is_terminal()
    read = _line_reader(session) if interactive else _plain_reader()
    for line in session.greeting():
        streams.talk(line)
    while (typed := _next_line(read, streams)) is not None:
        try:
            for reply in session.execute(typed):
                if reply.quit:
                    return 0
                _show(reply, streams, page=interactive)
        except WhetError as error:
            for text in describe(error):
                streams.talk(text)
        except KeyboardInterrupt:
            streams.talk("interrupted")
    return 0


def _next_line(read: Callable[[], str], streams: Streams) -> str | None:
    streams.flush()
    while True:
        try:
            return read()
        except EOFError:
            return None
        except KeyboardInterrupt:
            streams.talk("")


def _plain_reader() -> Callable[[], str]:
    def read() -> str:
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            raise EOFError
        return line

    return read


def _line_reader(session: Session) -> Callable[[], str]:
    try:
        import readline
    except ImportError:
        return lambda: input(_PROMPT)

    found: list[str] = []

    def complete(_: str, state: int) -> str | None:
        if state == 0:
            found[:] = session.completions(readline.get_line_buffer()[: readline.get_endidx()])
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n")
    readline.parse_and_bind("tab: complete")
    _remember_lines()
    return lambda: input(_PROMPT)


def _remember_lines() -> None:
    """Keep what was typed for the next time; a history that cannot be kept is none."""
    import atexit
    import readline

    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(state) / "whet" / "prof_history"
    with contextlib.suppress(OSError, RuntimeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        readline.set_history_length(_HISTORY_LINES)
        atexit.register(_write_history, path)
        readline.read_history_file(path)


def _write_history(path: Path) -> None:
    import readline

    with contextlib.suppress(OSError):
        readline.write_history_file(path)


def _show(reply: Reply, streams: Streams, *, page: bool) -> None:
    for message in reply.messages:
        streams.talk(message)
    if reply.output:
        streams.talk(f"Generating report in {reply.output}")
        write_output(reply.output, reply.pieces)
    elif reply.pipe:
        streams.flush()
        _pipe(reply, reply.pipe)
    elif reply.viewer and streams.out_is_terminal():
        from whet.driver.graphviz import show

        streams.talk(f"Showing {show(reply.viewer, b''.join(reply.pieces))}")
    elif reply.binary and streams.out_is_terminal():
        raise UsageError("the report is binary and would go to the terminal", hint="add >FILE")
    elif page:
        _page(b"".join(reply.pieces), streams)
    else:
        for piece in reply.pieces:
            streams.write_bytes(piece)


def _page(data: bytes, streams: Streams) -> None:
    pager = os.environ.get("PAGER", "less -FRX")
    long = data.count(b"\n") >= shutil.get_terminal_size().lines
    if not long or not pager or shutil.which(shlex.split(pager)[0]) is None:
        streams.write_bytes(data)
        return
    streams.flush()
    with contextlib.suppress(BrokenPipeError):
        subprocess.run(shlex.split(pager), input=data, check=False)


def _pipe(reply: Reply, command: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        done = subprocess.run(command, shell=True, input=b"".join(reply.pieces), check=False)
        if done.returncode:
            raise UsageError(f"{command}: exit status {done.returncode}")
