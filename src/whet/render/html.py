"""The interactive report of a profile, as one HTML file that needs nothing else.

Puts the prepared tables of `analyze.profile.interactive` (columns of integers as JSON, gzip,
base64) and the page's own style and modules (`whet/web`) into one text. The page's content
security policy allows exactly those and no connection at all. No statistics are made here and
no file named by a user is opened: sources come through `read_source`.

The modules are joined in dependency order into one inline module, because a browser loads no
module from beside a local file: in `whet/web` every import and export stays on a line of its
own, and top-level names are unique across modules.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.callgraph import drawn_call_graph
from whet.analyze.profile.calltree import CallTree
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.excerpt import Excerpt, excerpt
from whet.analyze.profile.interactive import Interactive, Rows, interactive
from whet.analyze.profile.intervals import Intervals
from whet.analyze.profile.origin import origins
from whet.analyze.profile.report import prepare
from whet.model.profile import Profile
from whet.render.profile.graph_style import page_style
from whet.render.profile.graph_svg import render_graph_svg

__all__ = ["render_html"]

ReadSource = Callable[[str], "str | None"]

WEB = Path(__file__).resolve().parent.parent / "web"
MODULES = (
    "format.js",
    "statistics.js",
    "payload.js",
    "model.js",
    "layout.js",
    "sandwich.js",
    "colors.js",
    "dom.js",
    "tooltip.js",
    "flame.js",
    "boxes.js",
    "source.js",
    "graph.js",
    "about.js",
    "help.js",
    "main.js",
)
MAX_SOURCE_BYTES = 600_000
_IMPORT = re.compile(r"^import\s[^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|class|const|let)\b)", re.MULTILINE)


def render_html(profile: Profile, *, title: str, read_source: ReadSource | None = None) -> str:
    """Render a profile as one offline HTML page.

    Args:
        profile: what to show.
        title: the name of the program or file, shown in the head.
        read_source: returns the text of a source file, or None where it cannot be read;
            without it no source lines are embedded.

    Raises:
        WhetError: the values are too large to be added up exactly in a browser.
    """
    payload = _payload(profile, title, read_source)
    script = "".join(_module(name) for name in MODULES)
    style = (WEB / "report.css").read_text(encoding="utf-8") + page_style("#graph")
    page = (WEB / "report.html").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": html.escape(title.encode("utf-8", "replace").decode("utf-8")),
        "style": style,
        "payload": _pack(payload),
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], page)


def _module(name: str) -> str:
    """Return a module of the page without its imports and export marks."""
    text = (WEB / name).read_text(encoding="utf-8")
    return _EXPORT.sub("", _IMPORT.sub("", text))


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


def _pack(payload: dict[str, Any]) -> str:
    text = json.dumps(payload, separators=(",", ":")).encode("ascii")
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return base64.b64encode(packer.compress(text) + packer.flush()).decode("ascii")


def _payload(profile: Profile, title: str, read_source: ReadSource | None) -> dict[str, Any]:
    """Lay out everything the page needs as JSON values."""
    content = interactive(profile)
    names = profile.sample_type_names()
    default = profile.strings.text(profile.default_sample_type)
    index = [name for name, _ in names].index(default) if default in dict(names) else -1
    return {
        "title": title,
        "types": names,
        "defaultType": index % max(1, len(names)),
        "intervals": [_interval(basis) for basis in content.intervals],
        "facts": _facts(profile, content),
        "frames": _frames(profile, content),
        "labels": _labels(content),
        "callees": _tree(content.callees, content.callees_self),
        "callers": _tree(content.callers, content.callers_self),
        "functions": _rows(content.functions),
        "hiddenFunctions": content.hidden_functions,
        "lines": {
            "frame": content.line_key[:, 0].tolist(),
            "line": content.line_key[:, 1].tolist(),
            "rows": _rows(content.lines),
        },
        "graph": _graph(profile),
        "sources": _sources(profile, content, read_source) if read_source else {},
    }


def _graph(profile: Profile) -> str:
    """Draw the call graph of the default sample type."""
    report = prepare(profile, Config(), Defaults())
    return "\n".join(render_graph_svg(report, drawn_call_graph(report), styled=False))


def _interval(basis: Intervals) -> dict[str, Any]:
    """Say what a sample is worth, so that the page can give any choice of samples intervals."""
    worth = basis.effective / basis.samples if basis.samples else 0.0
    return {"reason": basis.reason, "worth": worth}


def _facts(profile: Profile, content: Interactive) -> dict[str, Any]:
    """Collect what is said about the recording itself."""
    text = profile.strings.text
    period_type = profile.period_type or (0, 0)
    return {
        "timeNanos": profile.time_nanos,
        "durationNanos": profile.duration_nanos,
        "period": [text(period_type[0]), text(period_type[1]), profile.period],
        "samples": len(profile.samples),
        "locations": len(profile.locations),
        "functions": len(profile.functions),
        "comments": profile.comment_texts(),
        "docUrl": text(profile.doc_url),
        "mappings": [text(name) for name in profile.mappings.filename.tolist()[:50]],
        "cutoffShare": content.cutoff_share,
    }


def _frames(profile: Profile, content: Interactive) -> dict[str, Any]:
    """Lay out the frame table: names, files, lines, origins."""
    frames, used = content.frames, content.used
    text = profile.strings.text
    name_rows = frames.name[used].tolist()
    addresses = frames.address[used].tolist()
    names = [text(n) if n else f"0x{a:x}" for n, a in zip(name_rows, addresses, strict=True)]
    file_rows, file = np.unique(frames.file[used], return_inverse=True)
    files = [text(row) for row in file_rows.tolist()]
    mapped = frozenset(text(row) for row in profile.mappings.filename.tolist())
    found = origins(files, native_files=mapped)
    return {
        "name": names,
        "file": file.reshape(-1).tolist(),
        "line": frames.start_line[used].tolist(),
        "files": files,
        "origins": [[origin.kind, origin.package] for origin in found],
    }


def _labels(content: Interactive) -> dict[str, Any]:
    groups = content.groups
    return {
        "keys": [{"name": key.name, "values": key.values} for key in groups.keys],
        "unused": [[key.name, key.distinct] for key in groups.unused],
        "groups": groups.value.tolist(),
    }


def _tree(tree: CallTree, own: Rows) -> dict[str, Any]:
    return {
        "parent": _deltas(tree.parent[1:]),
        "frame": tree.frame[1:].tolist(),
        "folded": tree.folded[tree.folded > 0].tolist(),
        "self": _rows(own),
    }


def _rows(rows: Rows) -> dict[str, Any]:
    """Lay out sums as columns; a column that is a multiple of the first is only its factor."""
    columns = [rows.values[:, i] for i in range(rows.values.shape[1])]
    return {
        "row": _deltas(rows.row),
        "group": rows.group.tolist() if rows.group.any() else [],
        "values": [_multiple(columns[0], c) if i else c.tolist() for i, c in enumerate(columns)],
    }


def _multiple(first: npt.NDArray[np.int64], column: npt.NDArray[np.int64]) -> int | list[int]:
    """Return the integer k with column = k * first, else the column."""
    filled = np.flatnonzero(first)
    if filled.size:
        factor = int(column[filled[0]]) // int(first[filled[0]])
        if np.array_equal(first * np.int64(factor), column):
            return factor
    return list(column.tolist())


def _deltas(column: npt.NDArray[np.integer[Any]]) -> list[int]:
    """Return the differences between neighbours, beginning from 0."""
    return list(np.diff(column.astype(np.int64), prepend=0).tolist())


def _sources(profile: Profile, content: Interactive, read_source: ReadSource) -> dict[str, Excerpt]:
    """Cut the functions with known lines out of their files, heaviest first."""
    hits: dict[int, list[int]] = {}
    for frame, line in content.line_key.tolist():
        hits.setdefault(frame, []).append(line)
    files: dict[int, list[str]] = {}
    left = MAX_SOURCE_BYTES
    found: dict[str, Excerpt] = {}
    for frame in sorted(hits):
        row = int(content.used[frame])
        file = int(content.frames.file[row])
        if file not in files:
            files[file] = _read_lines(profile.strings.text(file), read_source)
        part = excerpt(files[file], int(content.frames.start_line[row]), hits[frame])
        left -= sum(len(line) for _, lines in part for line in lines)
        if left < 0:
            break
        if part:
            found[str(frame)] = part
    return found


def _read_lines(path: str, read_source: ReadSource) -> list[str]:
    """Return the lines of a source file as Python counts them; [] where there is none."""
    text = read_source(path) if path else None
    return re.split(r"(?<=\n)", text.replace("\r\n", "\n")) if text else []
