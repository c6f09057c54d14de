"""`WHET_LIVE=127.0.0.1:6060 python app.py`: the endpoints in a program that does not know of them.

The file `whet_live.pth` beside the package has `begin` called when an interpreter with this
variable, or with WHET_AGENT, starts. Whatever goes wrong is one line on stderr; the program goes on.
"""

import os
import sys

from whet.errors import UsageError, WhetError

__all__ = ["begin"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = ("heap", "block")

_begun = False


def begin() -> None:
    """Do what WHET_LIVE and WHET_AGENT ask for, once; commands of whet do not, the programs they run do."""
    global _begun
    # Some installations have .pth files read twice.
    if _begun or _is_whet(sys.orig_argv):
        return
    _begun = True
    if text := os.environ.get("WHET_LIVE"):
        _attempt("WHET_LIVE", lambda: _serve(text))
    if os.environ.get("WHET_AGENT"):
        from whet.live.continuous.environment import start_agent

        _attempt("WHET_AGENT", start_agent)


def _attempt(variable: str, begin: "Callable[[], None]") -> None:
    try:
        begin()
    except WhetError as error:
        hint = f" ({error.hint})" if error.hint else ""
        _say(f"{variable}: {error.message}{hint}; process {os.getpid()} goes on without")


def _serve(text: str) -> None:
    """Serve at an address; `heap` and `block` after commas, the token is WHET_LIVE_TOKEN."""
    from whet.live.server import start

    address, *options = text.split(",")
    for option in options:
        if option not in _OPTIONS:
            raise UsageError(f"{option!r} is no option", hint="heap, block")
    token = os.environ.get("WHET_LIVE_TOKEN") or None
    server = start(address, token=token, heap="heap" in options, block="block" in options)
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
