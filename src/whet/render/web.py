"""What the web UI's server answers: the parts of a view as JSON values.

A part holds what fits on a screen. Columns are those of `whet/web/served.js`. No statistics are
made here; no file named by a user is opened.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.callindex import SCREEN_SHARE, CallIndex, ScreenTree
from whet.analyze.profile.excerpt import Excerpt
from whet.analyze.profile.labelsets import LabelKey
from whet.analyze.profile.neighbours import Calls, LineSums
from whet.analyze.profile.origin import OWN, Origin
from whet.analyze.profile.values import choose_sample_index
from whet.model.profile import Profile
from whet.render.columns import CodeColumns, deltas
from whet.render.facts import facts

__all__ = [
    "frame_columns",
    "head",
    "lines_part",
    "peek_part",
    "profile_part",
    "tree_part",
]

Part = dict[str, Any]
I64 = npt.NDArray[np.int64]


def profile_part(
    profile: Profile, title: str, labels: list[tuple[LabelKey, bool]], timeline: Part | None
) -> Part:
    """Return what stays the same whatever is chosen; label keys come with "some lack it"."""
    return {
        "title": title,
        "types": profile.sample_type_names(),
        "defaultType": choose_sample_index(profile, ""),
        "facts": facts(profile) | {"cutoffShare": SCREEN_SHARE},
        "labels": {
            "keys": [
                {"name": key.name, "values": key.values, "absent": absent}
                for key, absent in labels
                if key.values
            ],
            "unused": [[key.name, key.distinct] for key, _ in labels if not key.values],
        },
        "timeline": timeline,
    }


def head(index: CallIndex, warnings: list[str]) -> Part:
    """Return the sums of a view and what its shares and intervals rest upon."""
    report = index.report
    intervals = report.intervals()
    names = report.profile.sample_type_names()
    counts = names.index(("samples", "count")) if ("samples", "count") in names else -1
    counted = report.profile.samples.values[:, counts]
    samples = int(counted.sum(where=True if index.keep is None else index.keep)) if counts >= 0 else 0
    return {
        "type": report.index,
        "total": report.scaled(report.total),
        "mass": index.total_mass,
        "net": int(index.values.sum()),
        "samples": samples,
        "effective": intervals.effective,
        "reason": intervals.reason,
        "isDiff": index.is_difference,
        "granularity": report.config.granularity,
        "warnings": warnings,
    }


def frame_columns(index: CallIndex, rows: I64, known: dict[str, Origin]) -> Part:
    """Return names, places and sums of nodes; trees of the same answer count in these rows.

    `known` are the origins of the profile's files, which do not depend on what is shown.
    """
    nodes = index.nodes
    names, files, lines, ids = [], [], [], []
    places: dict[str, int] = {}
    first_slot, first_location = nodes.first_slot[rows].tolist(), nodes.first_location[rows].tolist()
    starts = nodes.slot_start[nodes.first_location[rows]].tolist()
    full_names, (full_files, full_file) = nodes.function_names, nodes.full_files
    for node, slot, location, start in zip(rows.tolist(), first_slot, first_location, starts, strict=True):
        names.append(_name(index, node, full_names[node]))
        file = full_files[full_file[node]] or nodes.object_file(node)
        files.append(places.setdefault(file, len(places)))
        lines.append(nodes.line(node) or nodes.start_line(node))
        ids.append(f"{location}.{slot - start}")
    return {
        "name": names,
        "line": lines,
        "file": files,
        "files": list(places),
        "origins": [_origin(known.get(file)) for file in places],
        "id": ids,
        "flat": index.flat[rows].tolist(),
        "cum": index.cum[rows].tolist(),
    }


def _origin(origin: Origin | None) -> list[object]:
    return [OWN, ""] if origin is None else [origin.kind, origin.package]


def _name(index: CallIndex, node: int, name: str) -> str:
    nodes = index.nodes
    if index.report.config.granularity == "lines" and name:
        return f"{name}:{nodes.line(node)}"
    if not name or index.report.config.granularity == "addresses":
        return nodes.printable_name(node)
    return name


def tree_part(tree: ScreenTree, rows: I64) -> Part:
    """Return a tree; its frames are places in `rows`, which is sorted."""
    nodes = tree.tree
    frame = nodes.frame[1:]
    known = np.where(frame >= 0, np.searchsorted(rows, np.maximum(frame, 0)), frame)
    mass = [] if np.array_equal(tree.own, tree.own_mass) else tree.own_mass.tolist()
    return {
        "parent": deltas(nodes.parent[1:]),
        "frame": known.tolist(),
        "folded": nodes.folded[nodes.folded > 0].tolist(),
        "sample": nodes.sample[1:].tolist(),
        "own": tree.own.tolist(),
        "mass": mass,
        "branch": nodes.branch,
    }


def peek_part(rows: I64, found: list[tuple[int, Calls]]) -> list[Part]:
    """Return callers and callees of nodes, as places in `rows`."""

    def pairs(calls: list[tuple[int, int]]) -> list[list[int]]:
        return [[int(np.searchsorted(rows, node)), value] for node, value in calls]

    return [
        {
            "frame": int(np.searchsorted(rows, node)),
            "callers": pairs(calls.callers),
            "callees": pairs(calls.callees),
        }
        for node, calls in found
    ]


def lines_part(sums: LineSums, parts: Excerpt, code: CodeColumns, notes: list[str]) -> Part:
    """Return the lines of a function with their values, text and instructions."""
    return {
        "line": sums.line.tolist(),
        "flat": sums.flat.tolist(),
        "cum": sums.cum.tolist(),
        "parts": parts,
        "bytecode": code,
        "notes": notes,
    }
