"""Expressions over a profile: which lines, locations and samples they match.

An expression is matched, unanchored, against a frame's function name, its file name and the file
of its mapping. What a match does to a report is decided elsewhere (filters.py, chosen.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.select import count_per_row, first_in_row
from whet.analyze.profile.shortened import prunable_name
from whet.analyze.regexp.pattern import Pattern
from whet.model.profile import Profile

__all__ = ["Matcher", "choose_lines", "choose_samples", "matching_strings", "prunable_functions"]

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


class Matcher:
    """An expression evaluated over all lines and mappings of a profile.

    Args:
        visible: bool[lines], the lines that are still there; None for all.
    """

    def __init__(self, profile: Profile, pattern: Pattern, visible: Mask | None = None) -> None:
        functions, locations = profile.functions, profile.locations
        function = matching_strings(profile, functions.name, pattern)
        function |= matching_strings(profile, functions.filename, pattern)
        mapping = np.append(matching_strings(profile, profile.mappings.filename, pattern), False)
        self.mapping: Mask = mapping[locations.mapping]
        self.line: Mask = function[locations.line_function]
        if visible is not None:
            self.line &= visible
        self.location: Mask = self.mapping | (count_per_row(self.line, locations.line_start) > 0)


def prunable_functions(profile: Profile, pattern: Pattern) -> Mask:
    """Tell for each function whether its name, without arguments, matches."""
    text = profile.strings.text
    distinct, inverse = np.unique(profile.functions.name, return_inverse=True)
    found = (bool(text(i)) and pattern.search(prunable_name(text(i))) for i in distinct.tolist())
    flags: Mask = np.fromiter(found, bool, len(distinct))[inverse]
    return flags


def choose_samples(
    profile: Profile, focus: Matcher | None, ignore: Matcher | None
) -> tuple[Mask, dict[str, bool]]:
    """Return bool[samples] and which of the two expressions matched any location."""
    samples, none = profile.samples, np.zeros(len(profile.locations), bool)
    if focus is None and ignore is None:
        return np.diff(samples.stack_start) > 0, {}
    ignored = ignore.location if ignore else none
    focused = ~ignored if focus is None else focus.location & ~ignored
    keep = first_in_row(focused, samples.stack_start, samples.stack) >= 0
    if ignored.any():
        keep &= first_in_row(ignored, samples.stack_start, samples.stack) < 0
    return keep, {"focus": bool(focused.any()), "ignore": bool(ignored.any())}


def choose_lines(
    profile: Profile, hide: Matcher | None, show: Matcher | None
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
