"""What happens to every profile between decoding and reporting.

Like pprof's fetching and symbolization: a profile without mappings gets an empty one,
function names are completed and simplified, and the frames that the profile itself calls
uninteresting (`drop_frames`, `keep_frames`) are taken out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.names import simplified_name
from whet.analyze.profile.select import last_in_row, select_lines, select_samples
from whet.analyze.profile.shortened import prunable_name
from whet.errors import UsageError
from whet.model.profile import Mappings, Profile, StringTable

if TYPE_CHECKING:
    from whet.analyze.regexp.pattern import Pattern

__all__ = ["as_loaded", "with_mapping"]

_MARKS = re.compile(rb"[<>\[\]]|::")  # without one of these no name can be made simpler

Mask = npt.NDArray[np.bool_]
I32 = npt.NDArray[np.int32]


def as_loaded(
    profile: Profile, *, all_frames: bool = False, as_pprof: bool = False
) -> tuple[Profile, list[str]]:
    """Return the profile as reports see it, and warnings.

    `all_frames` keeps the frames that the profile calls uninteresting, for good; `as_pprof` simplifies
    names that are nothing but brackets to nothing.
    """
    profile = with_mapping(profile)
    profile = _with_simple_names(profile, may_vanish=as_pprof)
    text = profile.strings.text
    if all_frames:
        # Those who read a copy of the profile are to see the frames, too.
        return replace(profile, drop_frames=0, keep_frames=0), []
    if not text(profile.drop_frames):
        return profile, []
    try:
        drop = _full_match(text(profile.drop_frames), "drop_frames")
        keep = _full_match(text(profile.keep_frames), "keep_frames") if text(profile.keep_frames) else None
    except UsageError as error:
        return profile, [] if as_pprof else [f"{error}; no frames were dropped"]
    return _pruned(profile, drop, keep), []


def with_mapping(profile: Profile) -> Profile:
    """Give a profile without mappings an empty one; merging must not mix the two kinds."""
    if len(profile.mappings):
        return profile
    zero, none = np.zeros(1, np.uint64), np.zeros(1, bool)
    text = np.zeros(1, np.int32)
    mappings = Mappings(np.ones(1, np.uint64), zero, zero, zero, text, text, none, none, none, none)
    rows = np.zeros(len(profile.locations), np.int32)
    return replace(profile, mappings=mappings, locations=replace(profile.locations, mapping=rows))


def _with_simple_names(profile: Profile, *, may_vanish: bool) -> Profile:
    functions = profile.functions
    if not _MARKS.search(profile.strings.blob.data) and functions.name.all():
        return profile
    candidates = np.flatnonzero((functions.name == functions.system_name) | (functions.name == 0))
    changed: dict[int, str] = {}
    for index in np.unique(functions.system_name[candidates]).tolist():
        name = profile.strings.text(index)
        simple = simplified_name(name, may_vanish=may_vanish)
        if simple != name:
            changed[index] = simple
    names = functions.name.copy()
    nameless = functions.name == 0
    names[nameless] = functions.system_name[nameless]
    if not changed:
        if not (nameless & (functions.system_name != 0)).any():
            return profile
        return replace(profile, functions=replace(functions, name=names))
    strings, rows = _with_texts(profile.strings, changed)
    for row in candidates.tolist():
        names[row] = rows.get(int(names[row]), names[row])
    return replace(profile, strings=strings, functions=replace(functions, name=names))


def _with_texts(table: StringTable, changed: dict[int, str]) -> tuple[StringTable, dict[int, int]]:
    """Append texts to a string table; return it and where the new text of each index is."""
    pieces = [text.encode("utf-8", "surrogateescape") for text in changed.values()]
    blob = np.concatenate([table.blob, np.frombuffer(b"".join(pieces), np.uint8)])
    ends = table.start[-1] + np.cumsum([len(p) for p in pieces], dtype=np.int64)
    rows = {index: len(table) + i for i, index in enumerate(changed)}
    return StringTable(blob, np.concatenate([table.start, ends])), rows


def _full_match(source: str, name: str) -> Pattern:
    from whet.analyze.regexp.pattern import compile_pattern

    return compile_pattern(f"^({source})$", name=name)


def _pruned(profile: Profile, drop: Pattern, keep: Pattern | None) -> Profile:
    """Remove matching frames and all they call, but nothing above the first user frame."""
    functions, locations = profile.functions, profile.locations
    match: dict[int, bool] = {}
    for index in np.unique(functions.name).tolist():
        name = prunable_name(profile.strings.text(index))
        match[index] = bool(index) and drop.search(name) and not (keep and keep.search(name))
    function = np.fromiter((match[i] for i in functions.name.tolist()), bool, len(functions))
    line = function[locations.line_function]
    if not line.any():
        return profile
    last = last_in_row(line, locations.line_start)
    marked = last >= 0
    whole = marked & (last == locations.line_start[1:] - 1)
    position = np.arange(len(line))
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    keep_line = (position > last[of_line]) | ~marked[of_line] | whole[of_line]
    frame = _frames_to_keep(profile, marked, whole)
    everything = np.ones(len(profile.samples), bool)
    return select_samples(select_lines(profile, keep_line), everything, frame)


def _frames_to_keep(profile: Profile, marked: Mask, whole: Mask) -> Mask:
    samples = profile.samples
    of_frame = np.repeat(np.arange(len(samples)), np.diff(samples.stack_start))
    position = np.arange(len(samples.stack))
    is_marked = marked[samples.stack]
    # Stacks are leaf first: the frame nearest to the root is the last one.
    user = last_in_row(~is_marked, samples.stack_start)
    cut = last_in_row(is_marked & (position < user[of_frame]), samples.stack_start)[of_frame]
    keep: Mask = (position > cut) | ((position == cut) & ~whole[samples.stack])
    return keep
