"""What is answered: from a request to a response, with no sockets and no server's interface.

Paths, parameters, status and texts are those of Go's net/http/pprof and expvar, where Go has the
thing; docs/live.md lists the rest. An answer may take as long as the profile that it is: `answer`
is called on a thread that may wait.
"""

import os
import sys
import time

from whet.collect import windows
from whet.errors import CollectError, UsageError, WhetError
from whet.live import dumps, watch
from whet.live.guard import Guard
from whet.live.messages import Request, Response, failure, moved, profile_file, text, unserved
from whet.live.paths import cleaned, in_url

__all__ = ["Endpoints"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HEAP = (
    "A sampling of memory allocations of live objects. You can specify the gc GET parameter to run the "
    "garbage collector before taking the heap sample."
)
# Name -> (kind of profile, description); in the order of the index.
_PROFILES = {
    "allocs": ("heap", "A sampling of all past memory allocations"),
    "block": ("block", "Stack traces that led to blocking: locks, the GIL, input and output, sleeps"),
    "heap": ("heap", _HEAP),
    "mutex": ("mutex", "Stack traces of holders of contended locks and of the GIL"),
}
_OTHERS = {
    "cmdline": "The command line invocation of the current program",
    "goroutine": (
        "Stack traces of all current threads and asyncio tasks. Use debug=2 as a query parameter to export "
        "every stack."
    ),
    "goroutineleak": "Stack traces of the asyncio tasks that nothing can wake, as far as that can be known",
    "profile": (
        "CPU profile. You can specify the duration in the seconds GET parameter. After you get the profile "
        "file, use whet prof or the go tool pprof command to investigate the profile."
    ),
    "symbol": "Maps given program counters to function names; Python's functions have none.",
    "threadcreate": "The threads of the process, with the function that each began with",
    "trace": "A trace of execution of the current program; not available yet.",
}
_DELTA_PATHS = {"delta_heap": "heap", "delta_block": "block", "delta_mutex": "mutex"}
_CPU_SECONDS, _DELTA_SECONDS = 30, 10


class Endpoints:
    """Answers requests.

    Args:
        guard: who may ask.
        max_seconds: the longest profile.
        redact: hides secrets in the command line: called with the list of arguments, returns what
            may be shown; True shows the program only.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        max_seconds: int = 300,
        redact: "bool | Callable[[list[str]], Sequence[str]]" = False,
    ) -> None:
        if max_seconds < 1:
            raise UsageError(f"max_seconds must be 1 or more, not {max_seconds}")
        self._guard = guard
        self._max_seconds = max_seconds
        self._redact = redact

    def knows(self, path: str) -> bool:
        """Whether a path is one of ours, at the cost of a comparison for all others."""
        return path.startswith("/debug/") and (
            path.startswith("/debug/pprof/") or path in ("/debug/pprof", *_PAGES)
        )

    def answer(self, request: Request) -> Response:
        """Return the response; never raises."""
        try:
            return self._guard.refusal(request) or self._answer(request)
        except _InUseError as error:
            return error.response
        except UsageError as error:
            return failure(400, error.message)
        except CollectError as error:
            return failure(503, error.message)
        except Exception as error:  # noqa: BLE001 (nothing of ours may end in the program's error log)
            return failure(500, f"whet.live: {type(error).__name__}: {error}")

    def _answer(self, request: Request) -> Response:
        path = cleaned(request.path)
        if path != request.path:
            return _elsewhere(request, path)
        if not self.knows(path):
            return unserved(404, "404 page not found")
        if request.method not in ("GET", "HEAD"):
            return unserved(405, "Method Not Allowed", ("Allow", "GET, HEAD"))
        if path == "/debug/pprof":
            # Relative: where the application is mounted is not known here.
            return moved(in_url("pprof/", request.query))
        if path in _PAGES:
            return _PAGES[path](self, request)
        name = path.removeprefix("/debug/pprof/")
        return self._pprof(name, request) if name else text(self._index(), kind="text/html; charset=utf-8")

    # ---- profiles ------------------------------------------------------------------------------

    def _pprof(self, name: str, request: Request) -> Response:
        if name in _DELTA_PATHS:
            return self._taken(_DELTA_PATHS[name], request, self._seconds(request, _DELTA_SECONDS))
        if name in _PROFILES:
            return self._collected(name, request)
        if name in dumps.DUMPS:
            return self._dump(name, request)
        if name == "profile":
            return self._taken("cpu", request, self._seconds(request, _CPU_SECONDS))
        if name == "cmdline":
            return text("\0".join(self._command_line()))
        if name == "symbol":
            return text("num_symbols: 1\n")
        if name == "trace":
            return failure(501, "Could not enable tracing: whet has no execution traces yet")
        return failure(404, "Unknown profile")

    def _collected(self, name: str, request: Request) -> Response:
        kind = _PROFILES[name][0]
        collector = windows.collector_of(kind)
        seconds = self._delta_seconds(request)
        if isinstance(seconds, Response):
            return seconds
        if seconds:
            return self._taken(name, request, seconds)
        if request.value("rate"):
            self._set_rate(collector, request)
        if name == "heap" and (request.number("gc") or 0) > 0:
            import gc

            gc.collect()
        if not windows.is_on(collector) and not request.value("rate"):
            return _is_off(name, collector)
        data = windows.snapshot(kind)
        if request.number("debug"):
            from whet.live.legacy_text import legacy_text

            return text(legacy_text(name, data))
        return profile_file(name, _shown(name, data))

    def _set_rate(self, collector: str, request: Request) -> None:
        rate = request.number("rate")
        if rate is None or rate < 0:
            raise UsageError('invalid value for "rate" - must be an integer, 0 is off')
        with _Claim(collector, 1):
            windows.switch_off(collector)
            if rate:
                windows.switch_on(collector, rate)

    def _dump(self, name: str, request: Request) -> Response:
        seconds = self._delta_seconds(request)
        if isinstance(seconds, Response):
            return seconds
        if seconds:
            self._check_window(request, seconds)
            with _Claim(name, seconds):
                data = dumps.delta(name, seconds, request.wait)
            return _given_up() if data is None else profile_file(f"{name}-delta", data)
        debug = request.number("debug") or 0
        if debug:
            return text(dumps.dump(name, debug).decode("utf-8", "replace"))
        return profile_file(name, dumps.dump(name, 0))

    def _delta_seconds(self, request: Request) -> int | Response:
        """Return the seconds that are asked for, 0 if none are, or what is wrong with them."""
        if not request.value("seconds"):
            return 0
        seconds = request.number("seconds")
        if seconds is None or seconds <= 0:
            return failure(400, 'invalid value for "seconds" - must be a positive integer')
        if request.number("debug"):
            return failure(400, "seconds and debug params are incompatible")
        return seconds

    def _seconds(self, request: Request, default: int) -> int:
        """Return how long a profile is to take; what is no such number is the default, as in Go."""
        seconds = request.number("seconds") or 0
        return seconds if seconds > 0 else min(default, self._max_seconds)

    def _taken(self, name: str, request: Request, seconds: int) -> Response:
        """Return the profile of the next seconds."""
        self._check_window(request, seconds)
        kind = "cpu" if name == "cpu" else _PROFILES[name][0]
        rate = request.number("rate") if request.value("rate") else None
        try:
            with _Claim(windows.collector_of(kind), seconds):
                data = windows.take(kind, seconds, request.wait, rate=rate)
        except CollectError as error:
            what = "CPU profiling" if kind == "cpu" else f"{name} profiling"
            raise CollectError(f"Could not enable {what}: {error.message}") from None
        if data is None:
            return _given_up()
        return profile_file("profile" if kind == "cpu" else f"{name}-delta", _shown(name, data))

    def _check_window(self, request: Request, seconds: int) -> None:
        if seconds > self._max_seconds:
            raise UsageError(f"profile duration exceeds the limit of {self._max_seconds} s (max_seconds=)")
        if request.is_alone:
            raise UsageError(
                "this worker serves one request at a time: its profile would see nothing but itself; "
                "use workers with threads, or whet.live.start() in each worker"
            )

    # ---- the rest ------------------------------------------------------------------------------

    def _command_line(self) -> list[str]:
        """Return the program's arguments as they may be shown."""
        arguments = list(sys.argv or [""])
        if self._redact is True:
            return [arguments[0], "[redacted]"] if len(arguments) > 1 else arguments
        return list(self._redact(arguments)) if self._redact else arguments

    def _gc(self, _request: Request) -> Response:
        return text(watch.gc_lines())

    def _vars(self, _request: Request) -> Response:
        from whet.live.variables import variables

        return text(variables(self._command_line()), kind="application/json; charset=utf-8")

    def _metrics(self, _request: Request) -> Response:
        from whet.live.metrics import EXPOSITION, metrics

        return text(metrics(), kind=EXPOSITION)

    def _index(self) -> str:
        from whet.live.index import page

        return page(_counts(), {**{name: what for name, (_, what) in _PROFILES.items()}, **_OTHERS})


_PAGES = {
    "/debug/gc": Endpoints._gc,
    "/debug/metrics": Endpoints._metrics,
    "/debug/vars": Endpoints._vars,
}


class _InUseError(WhetError):
    """A profile of this kind is being taken; `response` says until when."""

    def __init__(self, what: str, until: float) -> None:
        left_s = max(until - time.time(), 0.0)
        clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(until))
        title = "CPU" if what == "cpu" else what
        super().__init__(
            f"Could not enable {title} profiling: {what} profiling already in use until {clock} "
            f"({left_s:.0f} s from now)"
        )
        self.response = failure(409, self.message, ("Retry-After", str(int(left_s) + 1)))


class _Claim:
    """One profile of a kind at a time, in the whole process."""

    _until: dict[str, tuple[int, float]] = {}

    def __init__(self, kind: str, seconds: int) -> None:
        self._kind = kind
        self._mine = os.getpid(), time.time() + seconds

    def __enter__(self) -> None:
        # setdefault is one step: of two requests one gets in. A fork may have copied a claim.
        other = self._until.setdefault(self._kind, self._mine)
        if other is not self._mine and other[0] != os.getpid():
            other = self._until[self._kind] = self._mine
        if other is not self._mine:
            raise _InUseError(self._kind, other[1])

    def __exit__(self, *exception: object) -> None:
        self._until.pop(self._kind, None)


def _elsewhere(request: Request, path: str) -> Response:
    """Return the redirection to a path that the request's one stands for."""
    if path == "/debug/pprof":
        path += "/"
    if path.startswith("/debug/"):
        path = request.base + path.removeprefix("/debug/")
    elif request.base != "/debug/":
        return unserved(404, "404 page not found")  # a place of the application's
    return moved(in_url(path, request.query), request.method)


def _given_up() -> Response:
    return failure(499, "context canceled")


def _is_off(name: str, collector: str) -> Response:
    return failure(
        409,
        f"{name} profiling is off: ask for the next seconds with ?seconds=10, switch it on with "
        f"?rate={windows.COLLECTORS[collector][2]}, or pass {collector}=True to whet.live",
    )


def _shown(name: str, data: bytes) -> bytes:
    if name != "allocs":
        return data
    from whet.live.legacy_text import with_default

    return with_default(data, "alloc_space")


def _counts() -> dict[str, int]:
    """Return what the index shows beside names: how much there is of each."""
    # Looking for leaks takes long, and is left to who asks for it.
    counts = {name: dumps.count(name) for name in dumps.DUMPS if name != "goroutineleak"}
    for name, (kind, _) in _PROFILES.items():
        counts[name] = int(windows.is_on(windows.collector_of(kind)))
    return counts
