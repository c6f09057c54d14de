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
from whet.analyze.profile.select import (
    count_per_row,
    first_in_row,
    last_in_row,
    leading,
    select_lines,
    select_samples,
)
from whet.analyze.profile.shortened import prunable_name
from whet.analyze.profile.tagfilters import compile_tag_filter, filter_tag_names
from whet.analyze.regexp.pattern import Pattern, compile_option
from whet.model.profile import Profile

__all__ = ["apply_filters", "check_filters", "chosen_samples", "has_filters", "matching_strings"]

_OF_SAMPLES = ("focus", "ignore", "tagfocus", "tagignore")
_BY_NAME = ("focus", "ignore", "hide", "show")

Mask = npt.NDArray[np.bool_]


def matching_strings(profile: Profile, indices: npt.NDArray[np.int32], pattern: Pattern) -> Mask:
    """Tell for each string index whether the string matches; each string is tried once."""
    distinct, inverse = np.unique(indices, return_inverse=True)
    # Decoding all texts at once is quicker than one by one, if most are wanted.
    many = len(distinct) * 3 > len(profile.strings)
    text = profile.strings.texts().__getitem__ if many else profile.strings.text
    search = pattern.search
    found = np.fromiter((search(text(i)) for i in distinct.tolist()), bool, len(distinct))
    result: Mask = found[inverse]
    return result


class _Matcher:
    """An expression evaluated over all lines and mappings of a profile."""

    def __init__(self, profile: Profile, pattern: Pattern) -> None:
        functions, locations = profile.functions, profile.locations
        function = matching_strings(profile, functions.name, pattern)
        function |= matching_strings(profile, functions.filename, pattern)
        mapping = np.append(matching_strings(profile, profile.mappings.filename, pattern), False)
        self.mapping: Mask = mapping[locations.mapping]
        self.line: Mask = function[locations.line_function]
        self.location: Mask = self.mapping | (count_per_row(self.line, locations.line_start) > 0)


def check_filters(config: Config) -> None:
    """Compile every expression of the options.

    Raises:
        UsageError: one is malformed; the error names the option.
    """
    for name in (*_BY_NAME, "show_from", "prune_from", "tagshow", "taghide"):
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


def chosen_samples(profile: Profile, config: Config) -> tuple[Mask, list[str]] | None:
    """Return flags of the samples that the filters keep, and warnings: those of `apply_filters`.

    None where the options also change frames or labels, which flags cannot tell.

    Raises:
        UsageError: an expression is malformed; the error names the option.
    """
    if config.prune_from or any(getattr(config, n) for n in FILTERS if n not in _OF_SAMPLES):
        return None
    patterns = {name: compile_option(name, getattr(config, name)) for name in ("focus", "ignore")}
    key_units = number_units(profile)[0] if config.tagfocus or config.tagignore else {}
    tag_filters = [
        (n, compile_tag_filter(n, getattr(config, n), key_units)) for n in ("tagfocus", "tagignore")
    ]
    notes = [found.note for _, found in tag_filters if found is not None and found.note]
    keep, warnings = np.ones(len(profile.samples), bool), []
    matchers = {name: _Matcher(profile, p) for name, p in patterns.items() if p is not None}
    if matchers:
        keep, matched = _choose_samples(profile, matchers.get("focus"), matchers.get("ignore"))
        warnings = [f"{name.title()} expression matched no samples" for name in matchers if not matched[name]]
    named = keep.copy()
    for name, tag_filter in tag_filters:
        if tag_filter is not None:
            found = tag_filter.matches(profile)
            title = "TagFocus" if name == "tagfocus" else "TagIgnore"
            warnings += [] if (found & named).any() else [f"{title} expression matched no samples"]
            keep &= found if name == "tagfocus" else ~found
    return keep, notes + warnings


def _filter_names(profile: Profile, config: Config) -> tuple[Profile, list[str]]:
    patterns = {name: compile_option(name, getattr(config, name)) for name in _BY_NAME}
    matchers = {name: _Matcher(profile, p) for name, p in patterns.items() if p is not None}
    if not matchers:
        return profile, []
    keep, matched = _choose_samples(profile, matchers.get("focus"), matchers.get("ignore"))
    lines, hidden, shown = _choose_lines(profile, matchers.get("hide"), matchers.get("show"))
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
    matcher = _Matcher(profile, pattern)
    locations, samples = profile.locations, profile.samples
    last = last_in_row(matcher.line, locations.line_start)
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    keep_line = (np.arange(len(of_line)) <= last[of_line]) | ~matcher.location[of_line]
    keep_line |= matcher.mapping[of_line]
    cut = last_in_row(matcher.location[samples.stack], samples.stack_start)
    begin = samples.stack_start[:-1]
    keep_frame = leading(samples.stack_start, np.where(cut < 0, 0, cut + 1 - begin))
    shown = select_samples(select_lines(profile, keep_line), cut >= 0, keep_frame)
    return shown, bool(matcher.location.any())


def _prune_from(profile: Profile, source: str) -> Profile:
    """Drop what the innermost matching frame calls; names are matched without arguments."""
    pattern = compile_option("prune_from", source)
    assert pattern is not None
    functions, locations, samples = profile.functions, profile.locations, profile.samples
    text = profile.strings.text
    match = {
        i: bool(text(i)) and pattern.search(prunable_name(text(i)))
        for i in np.unique(functions.name).tolist()
    }
    function = np.fromiter((match[i] for i in functions.name.tolist()), bool, len(functions))
    line = function[locations.line_function]
    first = first_in_row(line, locations.line_start)
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    keep_line = np.arange(len(of_line)) >= first[of_line]
    cut = first_in_row((first >= 0)[samples.stack], samples.stack_start)
    begin = samples.stack_start[:-1]
    keep_frame = ~leading(samples.stack_start, np.where(cut < 0, 0, cut - begin))
    everything = np.ones(len(samples), bool)
    return select_samples(select_lines(profile, keep_line), everything, keep_frame)


def _choose_samples(
    profile: Profile, focus: _Matcher | None, ignore: _Matcher | None
) -> tuple[Mask, dict[str, bool]]:
    """Return bool[samples] and which of the two expressions matched any location."""
    samples, none = profile.samples, np.zeros(len(profile.locations), bool)
    if focus is None and ignore is None:
        return np.diff(samples.stack_start) > 0, {}
    ignored = ignore.location if ignore else none
    focused = ~ignored if focus is None else focus.location & ~ignored
    keep = count_per_row(focused[samples.stack], samples.stack_start) > 0
    if ignored.any():
        keep &= count_per_row(ignored[samples.stack], samples.stack_start) == 0
    return keep, {"focus": bool(focused.any()), "ignore": bool(ignored.any())}


def _choose_lines(
    profile: Profile, hide: _Matcher | None, show: _Matcher | None
) -> tuple[Mask, Mask, dict[str, bool]]:
    """Return bool[lines] to keep, bool[locations] to remove, and what matched."""
    locations = profile.locations
    of_line = np.repeat(np.arange(len(locations)), np.diff(locations.line_start))
    lines = np.ones(len(locations.line_function), bool)
    hidden = np.zeros(len(locations), bool)
    matched = {"hide": False, "show": False}
    if hide is not None:
        lines &= ~(hide.line | hide.mapping[of_line])
        # A location without lines goes only if its mapping is what matches.
        hidden |= hide.location & (count_per_row(lines, locations.line_start) == 0)
        matched["hide"] = bool(hide.location.any())
    if show is not None:
        lines &= show.line | show.mapping[of_line]
        empty = count_per_row(lines, locations.line_start) == 0
        hidden |= empty
        matched["show"] = not bool(empty.all())
    return lines, hidden, matched
