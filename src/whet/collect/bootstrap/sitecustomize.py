"""Starts the session inside a program that `whet run` started, or that such a program started.

The interpreter's start-up imports this as `sitecustomize` (see the documentation of `site`).
It undoes every trace of how it got here before it starts anything, and then imports the
`sitecustomize` that would have been imported without it. That import is the last statement:
if there is none, its ImportError is what `site` expects, and an error in somebody's own
`sitecustomize` is reported as `site` reports it.
"""

import sys

_here = __file__.rpartition("/")[0]
del sys.modules["sitecustomize"]
if _here in sys.path:
    sys.path.remove(_here)
sys.path_importer_cache.pop(_here, None)


def _begin() -> None:
    try:
        from whet.collect import injection
    except ImportError:
        # whet was started from a place that is not on the program's path.
        root = _here.rsplit("/", 3)[0]
        sys.path.append(root)
        try:
            from whet.collect import injection
        finally:
            sys.path.remove(root)
    injection.begin()


def _step_back() -> None:
    """Leave alone a program that another Python runs; this file is read by any Python 3."""
    import os

    original = os.environ.pop("WHET_RUN_PYTHONPATH", None)
    for name in ("DIRECTORY", "SETTINGS", "VERSION", "CHILD"):
        os.environ.pop("WHET_RUN_" + name, None)
    if original is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = original


def _is_for_us() -> bool:
    import os

    return os.environ.get("WHET_RUN_VERSION") in (None, ".".join(map(str, sys.version_info[:2])))


if _is_for_us():
    _begin()
else:
    _step_back()

import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
