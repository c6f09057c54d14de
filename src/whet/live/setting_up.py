"""What every door does first: the options they share, and collectors that are on from the start."""

import os

from whet.collect import windows
from whet.collect.settings import DEFAULT_MEAN_BYTES, DEFAULT_THRESHOLD_NS
from whet.errors import WhetError
from whet.live import watch, workers
from whet.live.endpoints import Endpoints
from whet.live.guard import Guard

__all__ = ["set_up"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from whet.live.messages import Request

_wanted: dict[str, int] = {}
_is_registered = False


def set_up(
    *,
    token: str | None,
    allow: "Callable[[Request], object] | None",
    max_seconds: int,
    redact: "bool | Callable[[list[str]], Sequence[str]]",
    heap: bool | int,
    block: bool | int,
) -> Endpoints:
    """Return the endpoints, and switch on what is to be on all the time.

    Args:
        token: what a client must show; None is none.
        allow: decides on each request; without it and a token only this machine may ask.
        max_seconds: the longest profile.
        redact: hides secrets in the command line, see Endpoints.
        heap: record the heap from now on; a number is the mean bytes between two samples.
        block: record waits from now on; a number is the shortest wait in ns.

    Raises:
        CollectError: this interpreter cannot be measured.
        UsageError: an option is out of range.
    """
    global _is_registered
    endpoints = Endpoints(Guard(token, allow), max_seconds=max_seconds, redact=redact)
    for name, wanted, default in (
        ("heap", heap, DEFAULT_MEAN_BYTES),
        ("block", block, DEFAULT_THRESHOLD_NS),
    ):
        if wanted is not False:
            _wanted[name] = default if wanted is True else int(wanted)
            if not windows.is_on(name):
                windows.switch_on(name, _wanted[name])
    watch.begin()
    if not _is_registered:
        _is_registered = True
        os.register_at_fork(after_in_child=_after_fork)
    return endpoints


def _after_fork() -> None:
    """Begin anew in a child: what the parent had recorded is not its own."""
    workers.forget()
    watch.begin()
    for name, rate in _wanted.items():
        try:
            if not windows.is_on(name):
                windows.switch_on(name, rate)
        except WhetError:
            continue  # the child serves all the same; the endpoint says that it is off
