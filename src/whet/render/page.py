"""The page that shows profiles: markup, style and modules of `whet/web` in one text.

The same page is the offline report, with its data inside, and the web UI, which asks a server
for its data. The content security policy allows exactly the style and the script inside;
connections only to the server, and none at all offline.

The modules are joined in dependency order into one inline module, because a browser loads no
module from beside a local file: in `whet/web` every import and export stays on a line of its
own, and top-level names are unique across modules.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from whet.render.profile.graph_style import page_style

__all__ = ["page_policy", "page_text"]

WEB = Path(__file__).resolve().parent.parent / "web"
MODULES = (
    "format.js",
    "statistics.js",
    "payload.js",
    "model.js",
    "layout.js",
    "sandwich.js",
    "dom.js",
    "embedded.js",
    "served.js",
    "colors.js",
    "tooltip.js",
    "flame.js",
    "boxes.js",
    "source.js",
    "graph.js",
    "peek.js",
    "tags.js",
    "about.js",
    "help.js",
    "refine.js",
    "timeline.js",
    "main.js",
)
_IMPORT = re.compile(r"^import\s[^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|class|const|let)\b)", re.MULTILINE)


def page_text(title: str, *, payloads: Mapping[str, str] | None = None, over_time: str = "") -> str:
    """Return the page; without payloads it asks the server it came from for data.

    Args:
        title: in its head.
        payloads: packed data by what the page calls it; the first one is shown first.
        over_time: the picture of memory and garbage collections, as HTML.
    """
    parts = {
        "policy": page_policy(served=not payloads),
        "title": html.escape(title.encode("utf-8", "replace").decode("utf-8")),
        "style": _style(),
        "payloads": "\n".join(_payload(name, data) for name, data in (payloads or {}).items()),
        "overtime": over_time,
        "script": _script(),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _read("report.html"))


def _payload(name: str, data: str) -> str:
    kind = 'type="application/octet-stream" class="payload"'
    return f'<script {kind} data-name="{html.escape(name)}">{data}</script>'


def page_policy(*, served: bool) -> str:
    """Return the content security policy of the page."""
    connect = "connect-src 'self'; " if served else ""
    return (
        f"default-src 'none'; script-src '{_digest(_script())}'; style-src '{_digest(_style())}'; "
        f"{connect}img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _script() -> str:
    return "".join(_EXPORT.sub("", _IMPORT.sub("", _read(name))) for name in MODULES)


@cache
def _style() -> str:
    return _read("report.css") + page_style("#graph")


def _read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
