"""`whet prof --http`: load, bind, tell where, open a browser, answer until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from whet.analyze.profile.config import Config
from whet.driver.html import profile_title
from whet.driver.request import Request, load_request
from whet.driver.web import WebSession
from whet.errors import UsageError
from whet.ui.server import bound, parse_endpoint

__all__ = ["serve"]


def serve(
    request: Request, config: Config, endpoint: str, talk: Callable[[str], None], open_browser: bool
) -> None:
    """Serve the profiles of a request until interrupted; `talk` is told warnings and the address.

    Raises:
        UsageError: an option has no meaning in the web UI.
        SourceError, FormatError: the profile cannot be read, or the port is taken.
    """
    for name in ("mean", "json", "ci", "speedup", "output"):
        if getattr(config, name):
            raise UsageError(f"the web UI has no -{name}", hint="it goes with text reports")
    # The port first: who has to wait for a large profile should not be told afterwards.
    with bound(*parse_endpoint(endpoint)) as server:
        loaded = load_request(request, config)
        for warning in loaded.warnings:
            talk(warning)
        server.show(WebSession(loaded.profile, profile_title(request.sources), config))
        talk(f"Serving web UI on {server.url}")
        if open_browser:
            _open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _open(url: str) -> None:
    import webbrowser

    with suppress(webbrowser.Error):
        webbrowser.open(url)
