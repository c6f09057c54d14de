"""The options that choose which samples and frames a report is about, in pprof's order.

Semantics are those of pprof's `applyFocus`: an expression is matched, unanchored, against a
frame's function name, its file name and the file of its mapping; focus and ignore choose
samples, hide and show choose frames; a sample that lost its last frame goes. Then show_from
cuts callers off, label filters choose samples and labels (tagfilters.py), and prune_from cuts
callees off.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.config import Config
from whet.analyze.profile.header import FILTERS
from whet.analyze.profile.labels import number_units
from whet.analyze.profile.matching import Matcher, choose_lines, choose_samples, prunable_functions
from whet.analyze.profile.select import (
    count_per_row,
    first_in_row,
    last_in_row,
    leading,
    select_lines,
    select_samples,
)
from whet.analyze.profile.tagfilters import compile_tag_filter, filter_tag_names
from whet.analyze.regexp.pattern import compile_option
from whet.model.profile import Profile

__all__ = ["BY_NAME", "apply_filters", "check_filters", "has_filters"]

BY_NAME = ("focus", "ignore", "hide", "show")

Mask = npt.NDArray[np.bool_]


def check_filters(config: Config) -> None:
    """Compile every expression of the options.

    Raises:
        UsageError: one is malformed; the error names the option.
    """
    for name in (*BY_NAME, "show_from", "prune_from", "tagshow", "taghide"):
        compile_option(name, getattr(config, name))
    for name in ("tagfocus", "tagignore"):
        compile_tag_filter(name, getattr(config, name), {})


def has_filters(config: Config) -> bool:
    """Whether any option takes samples, frames or labels out."""
    return bool(config.prune_from) or any(getattr(config, name) for name in FILTERS)


def apply_filters(
    profile: Profile, config: Config, key_units: dict[str, str] | None = None
) -> tuple[Profile, list[str]]:
    """Apply all filters; return the rest and warnings.

    `key_units` is the unit of each numeric label key, by default as this profile has them.

    Raises:
        UsageError: an expression is malformed; the error names the option.
    """
    for name in ("show_from", "prune_from", "tagshow", "taghide"):
        compile_option(name, getattr(config, name))
    if key_units is None:
        key_units = number_units(profile)[0] if config.tagfocus or config.tagignore else {}
    focus = compile_tag_filter("tagfocus", config.tagfocus, key_units)
    ignore = compile_tag_filter("tagignore", config.tagignore, key_units)
    notes = [f.note for f in (focus, ignore) if f is not None and f.note]

    profile, warnings = _filter_names(profile, config)
    if config.show_from:
        profile, matched = _show_from(profile, config.show_from)
        warnings += [] if matched else ["ShowFrom expression matched no samples"]
    keep = np.ones(len(profile.samples), bool)
    for title, tag_filter in (("TagFocus", focus), ("TagIgnore", ignore)):
        if tag_filter is not None:
            found = tag_filter.matches(profile)
            warnings += [] if found.any() else [f"{title} expression matched no samples"]
            keep &= found if tag_filter is focus else ~found
    profile = profile if keep.all() else select_samples(profile, keep)
    if config.tagshow or config.taghide:
        profile, unmatched = filter_tag_names(profile, config.tagshow, config.taghide)
        warnings += unmatched
    if config.prune_from:
        profile = _prune_from(profile, config.prune_from)
    return profile, notes + warnings


def _filter_names(profile: Profile, config: Config) -> tuple[Profile, list[str]]:
    patterns = {name: compile_option(name, getattr(config, name)) for name in BY_NAME}
    matchers = {name: Matcher(profile, p) for name, p in patterns.items() if p is not None}
    if not matchers:
        return profile, []
    keep, matched = choose_samples(profile, matchers.get("focus"), matchers.get("ignore"))
    lines, hidden, shown = choose_lines(profile, matchers.get("hide"), matchers.get("show"))
    matched |= shown
    keep_frame = None
    if hidden.any():
        keep_frame = ~hidden[profile.samples.stack]
        keep &= count_per_row(keep_frame, profile.samples.stack_start) > 0
    if not lines.all():
        profile = select_lines(profile, lines)
    warnings = [f"{name.title()} expression matched no samples" for name in matchers if not matched[name]]
    return select_samples(profile, keep, keep_frame), warnings


def _show_from(profile: Profile, source: str) -> tuple[Profile, bool]:
    """Drop the callers of the outermost matching frame, and samples without one."""
    pattern = compile_option("show_from", source)
    assert pattern is not None
    matcher = Matcher(profile, pattern)
    locations, samples = profile.locations, profile.samples
    last = last_in_row(matcher.line, locations.line_start)
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    keep_line = (np.arange(len(of_line)) <= last[of_line]) | ~matcher.location[of_line]
    keep_line |= matcher.mapping[of_line]
    cut = last_in_row(matcher.location, samples.stack_start, samples.stack)
    begin = samples.stack_start[:-1]
    keep_frame = leading(samples.stack_start, np.where(cut < 0, 0, cut + 1 - begin))
    shown = select_samples(select_lines(profile, keep_line), cut >= 0, keep_frame)
    return shown, bool(matcher.location.any())


def _prune_from(profile: Profile, source: str) -> Profile:
    """Drop what the innermost matching frame calls; names are matched without arguments."""
    pattern = compile_option("prune_from", source)
    assert pattern is not None
    locations, samples = profile.locations, profile.samples
    function = prunable_functions(profile, pattern)
    line = function[locations.line_function]
    first = first_in_row(line, locations.line_start)
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    keep_line = np.arange(len(of_line)) >= first[of_line]
    cut = first_in_row(first >= 0, samples.stack_start, samples.stack)
    begin = samples.stack_start[:-1]
    keep_frame = ~leading(samples.stack_start, np.where(cut < 0, 0, cut - begin))
    everything = np.ones(len(samples), bool)
    return select_samples(select_lines(profile, keep_line), everything, keep_frame)
