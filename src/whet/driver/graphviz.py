"""Pictures by graphviz, and the programs that show them. Prints nothing.

`svg` needs no graphviz; png, pdf, ps, gif and the like are made by `dot`, which is run for them.
Viewers are those of `go tool pprof` by the same names; `web` is the browser.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from whet.errors import SourceError, UsageError

__all__ = ["VIEWERS", "draw", "show"]

_HINT = "install graphviz, or ask for svg, which needs none"
_LONGEST_MESSAGE = 300
# What a viewer shows, and the commands that are tried.
VIEWERS = {
    "web": (".svg", ()),
    "weblist": (".html", ()),
    "gv": (".ps", ("gv",)),
    "eog": (".svg", ("eog",)),
    "evince": (".pdf", ("evince",)),
    "kcachegrind": (".callgrind", ("kcachegrind", "qcachegrind")),
}


def draw(lines: Iterable[str], kind: str) -> bytes:
    """Return the picture, such as a png, of a graph in graphviz's language.

    Raises:
        SourceError: there is no `dot`, or it cannot make this kind.
    """
    command = shutil.which("dot")
    if command is None:
        raise SourceError(f"{kind} needs graphviz, and there is no dot on PATH", hint=_HINT)
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    done = subprocess.run([command, f"-T{kind}"], input=text, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:_LONGEST_MESSAGE]
        raise SourceError(f"dot failed: {said or f'exit status {done.returncode}'}", hint=_HINT)
    return done.stdout


def show(viewer: str, picture: bytes) -> str:
    """Show a picture in a viewer that stays when we end; return the name of its file.

    Raises:
        UsageError: there is no display.
        SourceError: there is no such viewer.
    """
    suffix, commands = VIEWERS[viewer]
    report = {"web": "svg", "weblist": "weblist REGEX"}.get(viewer, suffix[1:])
    hint = f"whet prof {report} -o FILE writes a file instead"
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")):
        raise UsageError(f"{viewer} needs a display, and there is none", hint=hint)
    if commands and not any(shutil.which(command) for command in commands):
        raise SourceError(f"{viewer} is not on PATH", hint=hint)
    handle, name = tempfile.mkstemp(suffix, "whet-")
    with open(handle, "wb") as file:
        file.write(picture)
    if viewer in ("web", "weblist"):
        _browse(Path(name).as_uri(), hint)
    else:
        command = next(found for found in map(shutil.which, commands) if found)
        null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        os.posix_spawn(command, [command, name], os.environ, file_actions=null, setsid=True)
    return name


def _browse(url: str, hint: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        raise SourceError("there is no browser", hint=hint)
