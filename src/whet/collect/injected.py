"""The end of `whet attach --inject` inside the program that is looked at.

`begin` is called by a script that `sys.remote_exec` has the program's main thread run. It starts a session
that ends by itself; the facts go into a file, and so does the reason where it cannot start. It raises
nothing and prints nothing: the program knows nothing of it. Modules that it loaded stay loaded.
"""

import os

from whet.collect.recording import (
    SESSION,
    describe_interpreter,
    encode_json,
    note_refusal,
    write_unnoticed,
)
from whet.errors import CollectError, WhetError

__all__ = ["begin", "stop"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.collect.session import Session

_sessions: "dict[str, Session]" = {}


def begin(directory: str, settings: str, version: str) -> None:
    """Record this process into `directory` as `settings` (`Settings.to_text`) say."""
    try:
        _start(directory, settings, version)
    except WhetError as error:
        note_refusal(directory, {"refused": str(error), "hint": error.hint})
    except Exception as error:  # noqa: BLE001 (whatever it is, it is ours and not the program's)
        note_refusal(directory, {"refused": f"the collectors could not start: {error!r}", "hint": None})


def stop(directory: str) -> None:
    """Finish the recording that was begun into `directory`, if it goes on."""
    session = _sessions.pop(directory, None)
    if session is not None:
        session.finish()


def _start(directory: str, settings: str, version: str) -> None:
    from whet._version import __version__
    from whet.collect.session import Session
    from whet.collect.settings import Settings

    if version != __version__:
        raise CollectError(
            f"the program has whet {__version__} loaded, and this is {version}",
            hint="attach with the whet of the program's own environment",
        )

    def publish(facts: "dict[str, object]") -> None:
        facts = {"pid": os.getpid(), "python": describe_interpreter(), **facts}
        write_unnoticed(os.path.join(directory, SESSION), encode_json(facts).encode())

    session = Session(directory, settings=Settings.from_text(settings), publish=publish)
    session.start(watch_exits=True)
    _sessions[directory] = session
    publish(session.facts())
