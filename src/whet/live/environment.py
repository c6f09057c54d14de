"""`WHET_LIVE=127.0.0.1:6060 python app.py`: the endpoints in a program that does not know of them.

The file `whet_live.pth` beside the package has `begin` called when an interpreter with this
variable starts. Whatever goes wrong is one line on stderr; the program goes on.
"""

import os
import sys

from whet.errors import UsageError, WhetError

__all__ = ["begin"]

_OPTIONS = ("heap", "block")

_begun = False


def begin() -> None:
    """Serve as WHET_LIVE wants: an address, then `heap` and `block`, separated by commas.

    WHET_LIVE_TOKEN is the token. Commands of whet do not serve, the programs they run do.
    """
    global _begun
    text = os.environ.get("WHET_LIVE", "")
    # Some installations have .pth files read twice.
    if _begun or not text or _is_whet(sys.orig_argv):
        return
    _begun = True
    from whet.live.server import start

    address, *options = text.split(",")
    try:
        for option in options:
            if option not in _OPTIONS:
                raise UsageError(f"{option!r} is no option", hint="heap, block")
        token = os.environ.get("WHET_LIVE_TOKEN") or None
        server = start(address, token=token, heap="heap" in options, block="block" in options)
    except WhetError as error:
        hint = f" ({error.hint})" if error.hint else ""
        _say(f"WHET_LIVE: {error.message}{hint}; process {os.getpid()} goes on without")
        return
    server.announce = _say_where
    _say_where(server.address)


def _say_where(address: str) -> None:
    """Tell the address where the variable does not."""
    if address != os.environ.get("WHET_LIVE", "").partition(",")[0] and not address.startswith("unix:"):
        _say(f"live: process {os.getpid()} serves http://{address}/debug/pprof/")


def _is_whet(command: list[str]) -> bool:
    for at, word in enumerate(command[1:], 1):
        if word == "-m":
            return command[at + 1 : at + 2] == ["whet"]
        if not word.startswith("-"):
            return os.path.basename(word) == "whet"
    return False


def _say(text: str) -> None:
    try:
        os.write(2, f"whet: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return  # nobody is there to be told
