"""Performance endpoints of a running server, as Go's net/http/pprof has them: `/debug/pprof/`.

    app = whet.live.asgi(app)                   # or wsgi(app): in front of an application
    whet.live.start("127.0.0.1:6060")           # on a thread of its own, in any program
    whet.live.agent("http://pyroscope:4040")    # profiles of all windows, pushed

What runs inside somebody's server: it uses collectors and below, and loads nothing heavy.
Described in docs/live.md.
"""

__all__ = ["agent", "asgi", "start", "wsgi"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.live.asgi_door import asgi
    from whet.live.continuous.agent import agent
    from whet.live.server import start
    from whet.live.wsgi_door import wsgi

_HOMES = {
    "agent": "whet.live.continuous.agent",
    "asgi": "whet.live.asgi_door",
    "start": "whet.live.server",
    "wsgi": "whet.live.wsgi_door",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'whet.live' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
