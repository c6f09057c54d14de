"""What filters leave of a profile, as flags: the same choice as `apply_filters`, nothing copied.

A profile of many frames is looked at through one filter after the other; its columns stay where
they are. Semantics are those of filters.py, which is the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.config import Config
from whet.analyze.profile.filters import BY_NAME
from whet.analyze.profile.labels import number_units
from whet.analyze.profile.matching import Matcher, choose_lines, choose_samples, prunable_functions
from whet.analyze.profile.select import first_in_row, last_in_row
from whet.analyze.profile.tagfilters import compile_tag_filter
from whet.analyze.regexp.pattern import compile_option
from whet.model.profile import Profile

__all__ = ["Chosen", "choose"]

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Chosen:
    """The samples, frames and lines that are left.

    Attributes:
        keep: bool[samples].
        begin, end: int64[samples], the frames of each sample that are left: stack[begin:end].
        line: bool[lines], the lines of locations that are left.
        hidden: bool[locations], the locations that frames of are not left.
        cuts_frames: whether frames or lines are gone from the samples that are left.
        warnings: what to tell the user.
    """

    keep: Mask
    begin: I64
    end: I64
    line: Mask
    hidden: Mask
    cuts_frames: bool = False
    warnings: list[str] = field(default_factory=list)


def choose(profile: Profile, config: Config, keep: Mask | None = None) -> Chosen | None:
    """Return what the filters of `config` leave of a profile, of the samples in `keep`.

    None where they also change labels, which flags cannot tell.

    Raises:
        UsageError: an expression is malformed; the error names the option.
    """
    if config.tagshow or config.taghide:
        return None
    samples, locations = profile.samples, profile.locations
    chosen = Chosen(
        np.ones(len(samples), bool) if keep is None else keep.copy(),
        samples.stack_start[:-1],
        samples.stack_start[1:],
        np.ones(len(locations.line_function), bool),
        np.zeros(len(locations), bool),
    )
    compile_option("prune_from", config.prune_from)
    _choose_by_name(profile, config, chosen)
    if config.show_from:
        _show_from(profile, config.show_from, chosen)
    _choose_by_label(profile, config, chosen)
    if config.prune_from:
        _prune_from(profile, config.prune_from, chosen)
    return chosen


def _choose_by_name(profile: Profile, config: Config, chosen: Chosen) -> None:
    patterns = {name: compile_option(name, getattr(config, name)) for name in BY_NAME}
    matchers = {name: Matcher(profile, p) for name, p in patterns.items() if p is not None}
    if not matchers:
        return
    keep, matched = choose_samples(profile, matchers.get("focus"), matchers.get("ignore"))
    chosen.keep &= keep
    if "hide" in matchers or "show" in matchers:
        chosen.cuts_frames = True
        lines, hidden, shown = choose_lines(profile, matchers.get("hide"), matchers.get("show"))
        chosen.line, chosen.hidden = lines, hidden
        matched |= shown
        if hidden.any():
            samples = profile.samples
            chosen.keep &= first_in_row(~hidden, samples.stack_start, samples.stack) >= 0
    chosen.warnings += [
        f"{name.title()} expression matched no samples" for name in matchers if not matched[name]
    ]


def _show_from(profile: Profile, source: str, chosen: Chosen) -> None:
    """Drop the callers of the outermost matching frame, and samples without one."""
    pattern = compile_option("show_from", source)
    assert pattern is not None
    matcher = Matcher(profile, pattern, chosen.line)
    locations, samples = profile.locations, profile.samples
    last = last_in_row(matcher.line, locations.line_start)
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    stays = (np.arange(len(of_line)) <= last[of_line]) | ~matcher.location[of_line]
    shows = matcher.location & ~chosen.hidden
    cut = last_in_row(shows, samples.stack_start, samples.stack)
    chosen.line &= stays | matcher.mapping[of_line]
    chosen.keep &= cut >= 0
    chosen.end = np.where(cut < 0, chosen.begin, cut + 1)
    chosen.cuts_frames = True
    if not matcher.location.any():
        chosen.warnings.append("ShowFrom expression matched no samples")


def _choose_by_label(profile: Profile, config: Config, chosen: Chosen) -> None:
    key_units = number_units(profile)[0] if config.tagfocus or config.tagignore else {}
    named, notes = chosen.keep.copy(), []
    for name, title in (("tagfocus", "TagFocus"), ("tagignore", "TagIgnore")):
        tag_filter = compile_tag_filter(name, getattr(config, name), key_units)
        if tag_filter is None:
            continue
        notes += [tag_filter.note] if tag_filter.note else []
        found = tag_filter.matches(profile)
        if not (found & named).any():
            chosen.warnings.append(f"{title} expression matched no samples")
        chosen.keep &= found if name == "tagfocus" else ~found
    chosen.warnings[:0] = notes


def _prune_from(profile: Profile, source: str, chosen: Chosen) -> None:
    """Drop what the innermost matching frame calls."""
    pattern = compile_option("prune_from", source)
    assert pattern is not None
    locations, samples = profile.locations, profile.samples
    line = prunable_functions(profile, pattern)[locations.line_function] & chosen.line
    first = first_in_row(line, locations.line_start)
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    chosen.line &= np.arange(len(of_line)) >= first[of_line]
    cut = first_in_row((first >= 0) & ~chosen.hidden, samples.stack_start, samples.stack)
    # Frames beyond the end are callers that show_from has dropped.
    chosen.begin = np.where((cut < 0) | (cut >= chosen.end), chosen.begin, cut)
    chosen.cuts_frames = True
