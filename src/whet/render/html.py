"""The interactive report of a profile, as one HTML file that needs nothing else.

Puts the prepared tables of `analyze.profile.interactive` (columns of integers as JSON, gzip,
base64) into the page (render/page.py), whose content security policy allows no connection at
all. No statistics are made here and no file named by a user is opened: sources come through
`read_source`.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.bytecode import function_bytecode
from whet.analyze.profile.callgraph import drawn_call_graph
from whet.analyze.profile.calltree import CallTree
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.excerpt import Excerpt, excerpt
from whet.analyze.profile.interactive import Interactive, Rows, interactive
from whet.analyze.profile.intervals import Intervals
from whet.analyze.profile.report import prepare
from whet.model.profile import Profile
from whet.render.columns import bytecode_columns, deltas, file_columns
from whet.render.facts import facts
from whet.render.page import page_text
from whet.render.profile.graph_svg import render_graph_svg

__all__ = ["FirstState", "render_html"]

ReadSource = Callable[[str], "str | None"]

MAX_SOURCE_BYTES = 600_000
MAX_TAKEN_APART = 40


@dataclass(frozen=True, slots=True)
class FirstState:
    """What a page shows first.

    Attributes:
        view: a view of the page.
        sample_type: the value column, -1 for the profile's default.
        frame, sandwich: (name, file) as string indices of the profile, or None.
    """

    view: str = "overview"
    sample_type: int = -1
    inverted: bool = False
    sort: str = "flat"
    search: str = ""
    frame: tuple[int, int] | None = None
    sandwich: tuple[int, int] | None = None


def render_html(
    profile: Profile,
    *,
    title: str,
    read_source: ReadSource | None = None,
    first: FirstState | None = None,
    with_bytecode: bool = False,
    name: str = "profile",
    others: Mapping[str, Profile] | None = None,
    over_time: str = "",
) -> str:
    """Render a profile, or several of one program, as one offline HTML page.

    Args:
        profile: what to show.
        title: the name of the program or file, shown in the head.
        read_source: returns the text of a source file, or None where it cannot be read;
            without it no source lines are embedded.
        first: what the page shows first, by default its overview.
        with_bytecode: whether the heaviest functions of Python files get their bytecode.
        name: what the page calls the profile where there are others.
        others: further profiles by what the page calls them.
        over_time: what `render_over_time` returned.

    Raises:
        WhetError: the values are too large to be added up exactly in a browser.
    """

    def packed(shown: Profile, state: FirstState) -> str:
        return _pack(_payload(shown, title, read_source, state, with_bytecode=with_bytecode))

    payloads = {name: packed(profile, first or FirstState())}
    payloads.update((other, packed(shown, FirstState())) for other, shown in (others or {}).items())
    return page_text(title, payloads=payloads, over_time=over_time)


def _pack(payload: dict[str, Any]) -> str:
    text = json.dumps(payload, separators=(",", ":")).encode("ascii")
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return base64.b64encode(packer.compress(text) + packer.flush()).decode("ascii")


def _payload(
    profile: Profile,
    title: str,
    read_source: ReadSource | None,
    first: FirstState,
    *,
    with_bytecode: bool,
) -> dict[str, Any]:
    """Lay out everything the page needs as JSON values."""
    content = interactive(profile)
    sources = _sources(profile, content, read_source) if read_source else {}
    names = profile.sample_type_names()
    index = first.sample_type
    if index < 0:
        default = profile.strings.text(profile.default_sample_type)
        index = [name for name, _ in names].index(default) if default in dict(names) else -1
    return {
        "state": _state_words(content, first),
        "title": title,
        "types": names,
        "defaultType": index % max(1, len(names)),
        "intervals": [_interval(basis) for basis in content.intervals],
        "facts": {**facts(profile), "cutoffShare": content.cutoff_share},
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
        "graph": _graph(profile, first.sample_type),
        "sources": sources,
        "bytecode": _bytecode(profile, content, sources, read_source)
        if with_bytecode and read_source
        else {},
    }


def _state_words(content: Interactive, first: FirstState) -> str:
    """Write a state as the page's address has it."""
    words = {"view": first.view, "sort": first.sort, "search": first.search}
    if first.inverted:
        words["inverted"] = "1"
    for name, wanted in (("frame", first.frame), ("sandwich", first.sandwich)):
        row = -1 if wanted is None else _frame_row(content, wanted)
        if row >= 0:
            words[name] = str(row)
    usual = {"view": "overview", "sort": "flat", "search": ""}
    return urlencode({name: text for name, text in words.items() if text != usual.get(name)})


def _frame_row(content: Interactive, wanted: tuple[int, int]) -> int:
    frames, used = content.frames, content.used
    found = np.flatnonzero((frames.name[used] == wanted[0]) & (frames.file[used] == wanted[1]))
    return int(found[0]) if found.size else -1


def _graph(profile: Profile, sample_type: int) -> str:
    """Draw the call graph of a sample type, -1 for the default."""
    report = prepare(profile, Config(sample_index=str(sample_type) if sample_type >= 0 else ""), Defaults())
    return "\n".join(render_graph_svg(report, drawn_call_graph(report), styled=False))


def _interval(basis: Intervals) -> dict[str, Any]:
    """Say what a sample is worth, so that the page can give any choice of samples intervals."""
    worth = basis.effective / basis.samples if basis.samples else 0.0
    return {"reason": basis.reason, "worth": worth}


def _frames(profile: Profile, content: Interactive) -> dict[str, Any]:
    """Lay out the frame table: names, files, lines, origins."""
    frames, used = content.frames, content.used
    text = profile.strings.text
    name_rows = frames.name[used].tolist()
    addresses = frames.address[used].tolist()
    names = [text(n) if n else f"0x{a:x}" for n, a in zip(name_rows, addresses, strict=True)]
    files, file = file_columns(profile, frames.file[used])
    return {"name": names, "line": frames.start_line[used].tolist(), "file": file, **files}


def _labels(content: Interactive) -> dict[str, Any]:
    groups = content.groups
    return {
        "keys": [{"name": key.name, "values": key.values} for key in groups.keys],
        "unused": [[key.name, key.distinct] for key in groups.unused],
        "groups": groups.value.tolist(),
    }


def _tree(tree: CallTree, own: Rows) -> dict[str, Any]:
    return {
        "parent": deltas(tree.parent[1:]),
        "frame": tree.frame[1:].tolist(),
        "folded": tree.folded[tree.folded > 0].tolist(),
        "self": _rows(own),
    }


def _rows(rows: Rows) -> dict[str, Any]:
    """Lay out sums as columns; a column that is a multiple of the first is only its factor."""
    columns = [rows.values[:, i] for i in range(rows.values.shape[1])]
    return {
        "row": deltas(rows.row),
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


def _bytecode(
    profile: Profile, content: Interactive, sources: dict[str, Excerpt], read_source: ReadSource
) -> dict[str, Any]:
    """Take apart the heaviest functions whose source is embedded."""
    found: dict[str, Any] = {}
    text, frames = profile.strings.text, content.frames
    for frame in list(sources)[:MAX_TAKEN_APART]:
        row = int(content.used[int(frame)])
        file = text(int(frames.file[row]))
        source = read_source(file) if file.endswith(".py") else None
        if source is None:
            continue
        name, start = text(int(frames.name[row])), int(frames.start_line[row])
        code, note = function_bytecode(profile, name, start, source)
        lines = {} if code is None else code.lines
        found[frame] = {"lines": bytecode_columns(lines), "note": note}
    return found


def _read_lines(path: str, read_source: ReadSource) -> list[str]:
    """Return the lines of a source file as Python counts them; [] where there is none."""
    text = read_source(path) if path else None
    return re.split(r"(?<=\n)", text.replace("\r\n", "\n")) if text else []
