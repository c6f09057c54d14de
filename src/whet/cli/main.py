"""`whet`: the table of commands, and how every command ends.

A command is a row of `COMMANDS`; its module is imported when it is called and not before.
Exit status: the command's own, 2 for an error the user can act upon, 130 after Ctrl-C.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence

from whet._version import __version__
from whet.cli.streams import Streams, describe
from whet.errors import UsageError, WhetError

__all__ = ["COMMANDS", "main"]

# name: (module with `main(argv, streams) -> int`, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("whet.cli.run", "run a program, record it and show its biggest boxes"),
    "attach": ("whet.cli.attach", "look at a running Python process from outside"),
    "prof": ("whet.cli.prof", "analyze profiles (every report of `go tool pprof`)"),
    "bench": ("whet.cli.bench", "run benchmarks and print results that can be believed"),
    "gc": ("whet.cli.gc", "measure what settings of the garbage collector gain and cost"),
    "load": ("whet.cli.load", "load an HTTP server and tell how long answers take (all that `hey` does)"),
    "lock": ("whet.cli.lock", "run one measurement at a time on this machine"),
    "stat": ("whet.cli.stat", "compare benchmark results (all that `benchstat` does)"),
}

USAGE_STATUS = 2
INTERRUPTED_STATUS = 130


def main(argv: Sequence[str], streams: Streams | None = None) -> int:
    """Run `whet ARGV...` and return its exit status.

    Every `WhetError` becomes one line on stderr (and a hint), never a traceback. A reader
    that went away (`whet prof traces x | head`) is no error.
    """
    own = streams is None
    streams = streams or Streams.standard()
    try:
        status = _dispatch(list(argv), streams)
        streams.flush()
        return status
    except WhetError as error:
        for line in describe(error):
            streams.talk(line)
        if own and not streams.can_flush():
            _discard_output()
        return USAGE_STATUS
    except MemoryError:
        streams.talk("whet: error: not enough memory for this input")
        return USAGE_STATUS
    except BrokenPipeError:
        if own:
            _discard_output()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS


def _dispatch(argv: list[str], streams: Streams) -> int:
    if not argv or argv[0] in ("help", "-h", "-help", "--help"):
        streams.write(_help())
        return 0 if argv else USAGE_STATUS
    if argv[0] in ("version", "--version", "-V"):
        streams.write(f"whet {__version__}\n")
        return 0
    command = _find(argv[0])
    return command(argv[1:], streams)


def _find(name: str) -> Callable[[list[str], Streams], int]:
    if name not in COMMANDS:
        raise UsageError(
            f"unknown command {name!r}", hint=f"commands are {', '.join(COMMANDS)}; see whet --help"
        )
    entry: Callable[[list[str], Streams], int] = importlib.import_module(COMMANDS[name][0]).main
    return entry


def _help() -> str:
    rows = "".join(f"  {name:<8} {summary}\n" for name, (_, summary) in COMMANDS.items())
    return (
        "whet: don't guess, measure.\n\n"
        "usage: whet COMMAND [OPTIONS] ...\n\n"
        f"{rows}\n"
        "`whet COMMAND --help` tells more; `whet --version` tells the version.\n"
    )


def _discard_output() -> None:
    # The interpreter flushes stdout once more at exit; point it where that succeeds.
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        pass
