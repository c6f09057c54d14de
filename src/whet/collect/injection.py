"""How a session gets into a program that knows nothing of it.

The program is started by plain `python`, with `bootstrap/` first on PYTHONPATH and the
session's settings in WHET_RUN_* variables. The interpreter's own start-up imports
`bootstrap/sitecustomize.py`, which takes back all of that and calls `begin`. This module is
both ends: `environment` for who starts the program, `begin` inside it.
"""

import os
import sys
import time

from whet.collect.recording import (
    SESSION,
    describe_interpreter,
    encode_json,
    note_refusal,
    write_unnoticed,
)
from whet.collect.settings import Settings
from whet.errors import CollectError, WhetError

__all__ = [
    "BOOTSTRAP",
    "GC_REPORT",
    "GC_SETTING",
    "REFUSED_STATUS",
    "begin",
    "blocked_by",
    "bootstrapped",
    "environment",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

BOOTSTRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap")
REFUSED_STATUS = 2

_DIRECTORY = "WHET_RUN_DIRECTORY"
_SETTINGS = "WHET_RUN_SETTINGS"
_VERSION = "WHET_RUN_VERSION"
_CHILD = "WHET_RUN_CHILD"
# Set by who measures a program under a setting of the garbage collector, see gc_setting.py.
GC_SETTING = "WHET_GC_SETTING"
GC_REPORT = "WHET_GC_REPORT"
_PATH = "PYTHONPATH"
_ORIGINAL_PATH = "WHET_RUN_PYTHONPATH"
_MINE = ".".join(map(str, sys.version_info[:2]))


def environment(
    environ: "Mapping[str, str]", directory: str, settings: Settings, *, child: bool = False
) -> "dict[str, str]":
    """Return `environ` with what makes a Python program record itself into `directory`.

    A `child` records into a directory of its own below `directory`; what somebody else put there
    to have it recorded elsewhere is left alone.
    """
    if child and _DIRECTORY in environ:
        return dict(environ)
    result = {**bootstrapped(environ), _DIRECTORY: directory, _SETTINGS: settings.to_text()}
    if child:
        result[_CHILD] = "1"
    return result


def bootstrapped(environ: "Mapping[str, str]") -> "dict[str, str]":
    """Return `environ` with what makes a Python program call `begin` at its start."""
    result = {**environ, _VERSION: _MINE}
    original = environ.get(_PATH)
    if original is not None:
        result[_ORIGINAL_PATH] = original
    # An empty part would mean the current directory.
    result[_PATH] = os.pathsep.join([BOOTSTRAP, original] if original else [BOOTSTRAP])
    return result


def blocked_by() -> str | None:
    """Return what about this interpreter's flags or place makes it ignore `environment`, if anything."""
    for flag, name in (("isolated", "-I"), ("ignore_environment", "-E"), ("no_site", "-S")):
        if getattr(sys.flags, flag):
            return name
    if os.pathsep in BOOTSTRAP:
        return f"{os.pathsep!r} in the path of whet's installation"
    return None


def begin() -> None:
    """Take back the environment and start the session that it asked for.

    A session that cannot start says why in the recording and ends the process: a program must
    not run for an hour to be told then that nothing was recorded. Children run on without.
    """
    directory = os.environ.pop(_DIRECTORY, None)
    settings = os.environ.pop(_SETTINGS, "")
    child = os.environ.pop(_CHILD, None) is not None
    original = os.environ.pop(_ORIGINAL_PATH, None)
    gc_setting = os.environ.pop(GC_SETTING, None)
    gc_report = os.environ.pop(GC_REPORT, None)
    os.environ.pop(_VERSION, None)
    if directory is None and gc_setting is None:
        return None  # somebody put bootstrap/ on the path for reasons of their own
    if original is None:
        os.environ.pop(_PATH, None)
    else:
        os.environ[_PATH] = original
    if directory is None:
        from whet.collect.gc_setting import begin as begin_gc_setting

        return begin_gc_setting(gc_setting or "", gc_report)
    wanted = Settings.from_text(settings)
    if child:
        return _begin_child(directory, wanted)
    try:
        _start(directory, directory, wanted)
    except WhetError as error:
        _refuse(directory, error)


def _begin_child(root: str, settings: Settings) -> None:
    from whet.collect.follow import claim_process

    directory = claim_process(root)
    if directory is None:
        return
    try:
        _start(root, directory, settings)
    except (WhetError, OSError) as error:
        note_refusal(directory, {"pid": os.getpid(), "refused": str(error)})


def _start(root: str, directory: str, settings: Settings) -> None:
    from whet.collect.session import Session

    if sys.platform != "linux":
        raise CollectError(f"collecting works on Linux only, this is {sys.platform}")
    path = os.path.join(directory, SESSION)
    begin_ns = time.time_ns()

    def publish(facts: "dict[str, object]") -> None:
        facts = {**_describe_process(begin_ns), "python": describe_interpreter(), **facts}
        write_unnoticed(path, encode_json(facts).encode())

    session = Session(directory, settings=settings, publish=publish)
    if settings.follow:
        session.follow(
            root,
            lambda environ: environment(environ, root, settings, child=True),
            lambda: _begin_child(root, settings),
        )
    session.start(watch_exits=True)
    publish(session.facts())


def _describe_process(begin_ns: int) -> "dict[str, object]":
    return {
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "command": list(sys.orig_argv),
        "start_time_ns": begin_ns,
    }


def _refuse(directory: str, error: WhetError) -> None:
    try:
        note_refusal(directory, {"refused": str(error), "hint": error.hint})
    finally:
        os._exit(REFUSED_STATUS)
