"""whet: don't guess, measure.

The library's front door. Everything is loaded on first use, so that `import whet`
costs next to nothing inside a server.

PYTEST_DONT_REWRITE (pytest would warn where `whet run` has loaded us before it)
"""

from whet._version import __version__

__all__ = [
    "B",
    "__version__",
    "dump_threads",
    "labels",
    "parametrize",
    "profile",
    "start",
    "stop",
    "threads_on_signal",
    "threads_profile",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.collect.bench import B
    from whet.collect.dump import dump_threads, threads_on_signal, threads_profile
    from whet.collect.labels import labels
    from whet.collect.library import profile, start, stop
    from whet.collect.parametrize import parametrize

_HOMES = {
    "B": "whet.collect.bench",
    "dump_threads": "whet.collect.dump",
    "labels": "whet.collect.labels",
    "parametrize": "whet.collect.parametrize",
    "profile": "whet.collect.library",
    "start": "whet.collect.library",
    "stop": "whet.collect.library",
    "threads_on_signal": "whet.collect.dump",
    "threads_profile": "whet.collect.dump",
}


def __getattr__(name: str) -> object:
    if name == "live":
        from importlib import import_module

        return import_module("whet.live")
    if name not in _HOMES:
        raise AttributeError(f"module 'whet' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _asks_for_gc_lines() -> bool:
    try:
        # Loading `os` would be half of our own start-up.
        from posix import environ
    except ImportError:
        return False
    return environ.get(b"WHET_GCTRACE", b"0") not in (b"", b"0")


if _asks_for_gc_lines():
    from whet.collect.gc import print_as_asked

    print_as_asked()
