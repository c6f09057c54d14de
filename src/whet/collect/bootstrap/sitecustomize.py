"""Starts the session inside a program that `whet run` started.

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

try:
    from whet.collect import injection
except ModuleNotFoundError:
    # whet was started from a place that is not on the program's path.
    _root = _here.rsplit("/", 3)[0]
    sys.path.append(_root)
    try:
        from whet.collect import injection
    finally:
        sys.path.remove(_root)

injection.begin()

import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
