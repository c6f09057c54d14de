"""tagfocus, tagignore, tagshow and taghide: which samples and which labels a report is about.

An expression is `[KEY=]REGEX[,REGEX...]` or `[KEY=]RANGE`, where a range is `32kb`, `:64kb`,
`4mb:` or `12kb:64mb`. Ranges are about numeric labels, expressions about texts: without a key
all expressions must match some `key:text`, with a key one of them must match one of its texts.
Semantics: pprof's `compileTagFilter` and `FilterTagsByName`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from whet import units
from whet.analyze.profile.labels import number_rows
from whet.analyze.regexp.pattern import compile_option, compile_pattern
from whet.errors import UsageError
from whet.model.profile import Labels, Profile

__all__ = ["TagFilter", "compile_tag_filter", "filter_tag_names"]

Mask = npt.NDArray[np.bool_]
InRange = Callable[[int, str], bool]

_BOUND = re.compile(r"([+-]?[0-9]+)([A-Za-z]+)?")
_LARGEST = (1 << 63) - 1


class TagFilter:
    """A compiled expression of one of the options.

    Attributes:
        note: what to tell the user about how it was understood, or "".
    """

    def __init__(self, option: str, text: str, key_units: dict[str, str]) -> None:
        key, separator, rest = text.partition("=")
        self._key = key if separator else None
        value = rest if separator else text
        self._units = key_units
        self._in_range = _parse_range(option, value)
        self.note = f"{option}:Interpreted '{value}' as range, not regexp" if self._in_range else ""
        self._patterns = (
            [] if self._in_range else [compile_pattern(part, name=option) for part in value.split(",")]
        )

    def matches(self, profile: Profile) -> Mask:
        """Tell for each sample whether its labels match: bool[samples]."""
        if self._in_range is not None:
            return _samples_with(profile, self._numbers_in_range(profile, self._in_range))
        found = [_samples_with(profile, flags) for flags in self._texts_found(profile)]
        result: Mask = np.logical_and.reduce(found) if self._key is None else np.logical_or.reduce(found)
        return result

    def _numbers_in_range(self, profile: Profile, in_range: InRange) -> Mask:
        labels, rows = profile.samples.labels, number_rows(profile)
        flags = np.zeros(len(labels), bool)
        if not len(rows):
            return flags
        pairs = np.stack([labels.key[rows].astype(np.int64), labels.number[rows]], axis=1)
        distinct, inverse = np.unique(pairs, axis=0, return_inverse=True)
        found = [self._holds(profile.strings.text(key), n, in_range) for key, n in distinct.tolist()]
        flags[rows] = np.asarray(found, bool)[inverse.reshape(-1)]
        return flags

    def _holds(self, key: str, number: int, in_range: InRange) -> bool:
        return self._key in (None, key) and in_range(number, self._units.get(key, ""))

    def _texts_found(self, profile: Profile) -> list[Mask]:
        labels = profile.samples.labels
        rows = np.flatnonzero(labels.text != 0)
        flags = [np.zeros(len(labels), bool) for _ in self._patterns]
        if not len(rows):
            return flags
        pairs = np.stack([labels.key[rows], labels.text[rows]], axis=1)
        distinct, inverse = np.unique(pairs, axis=0, return_inverse=True)
        text = profile.strings.text
        names = [(text(key), text(value)) for key, value in distinct.tolist()]
        for flag, pattern in zip(flags, self._patterns, strict=True):
            if self._key is None:
                found = [pattern.search(f"{key}:{value}") for key, value in names]
            else:
                found = [key == self._key and pattern.search(value) for key, value in names]
            flag[rows] = np.asarray(found, bool)[inverse.reshape(-1)]
        return flags


def compile_tag_filter(option: str, text: str, key_units: dict[str, str]) -> TagFilter | None:
    """Compile the text of tagfocus or tagignore; None where it is empty.

    `key_units` is the unit that numeric labels of each key are in.

    Raises:
        UsageError: an expression is malformed, or a number does not fit in 64 bits.
    """
    return TagFilter(option, text, key_units) if text else None


def filter_tag_names(profile: Profile, show: str, hide: str) -> tuple[Profile, list[str]]:
    """Remove labels by their keys; return the profile and warnings.

    Raises:
        UsageError: an expression is malformed.
    """
    shown, hidden = compile_option("tagshow", show), compile_option("taghide", hide)
    labels = profile.samples.labels
    exists = (labels.text != 0) | (labels.number != 0) | (labels.unit != 0)
    keys, inverse = np.unique(labels.key, return_inverse=True)
    names = [profile.strings.text(key) for key in keys.tolist()]
    show_key = np.array([shown is None or shown.search(name) for name in names], bool)
    hide_key = np.array([hidden is not None and hidden.search(name) for name in names], bool)
    used = np.bincount(inverse[exists], minlength=len(keys)) > 0
    warnings = []
    if shown is not None and not (show_key & used).any():
        warnings.append("TagShow expression matched no samples")
    if hidden is not None and not (hide_key & used).any():
        warnings.append("TagHide expression matched no samples")
    return _with_labels(profile, (show_key & ~hide_key)[inverse]), warnings


def _with_labels(profile: Profile, keep: Mask) -> Profile:
    samples, labels = profile.samples, profile.samples.labels
    running = np.zeros(len(keep) + 1, np.int64)
    np.cumsum(keep, out=running[1:])
    kept = Labels(labels.key[keep], labels.text[keep], labels.number[keep], labels.unit[keep])
    return replace(profile, samples=replace(samples, label_start=running[samples.label_start], labels=kept))


def _samples_with(profile: Profile, flags: Mask) -> Mask:
    """Tell for each sample whether one of its labels has a set flag."""
    start = profile.samples.label_start
    running = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=running[1:])
    result: Mask = running[start[1:]] > running[start[:-1]]
    return result


def _parse_range(option: str, text: str) -> InRange | None:
    """Return a test of a number and its unit, or None where the text is no range."""
    bounds = list(_BOUND.finditer(text))[:2]
    if not bounds:
        return None
    first, unit = _scaled(option, bounds[0], bounds[0][2] or "")
    if len(bounds) == 1:
        return _half_range(text, bounds[0][0], first, unit)
    if text != f"{bounds[0][0]}:{bounds[1][0]}":
        return None
    last, last_unit = _scaled(option, bounds[1], unit)
    if unit != last_unit:
        return None
    return lambda number, key_unit: _between(number, key_unit, unit, first, last)


def _half_range(text: str, bound: str, limit: float, unit: str) -> InRange | None:
    infinity = float("inf")
    limits = {bound: (limit, limit), f"{bound}:": (limit, infinity), f":{bound}": (-infinity, limit)}
    if text not in limits:
        return None
    low, high = limits[text]
    return lambda number, key_unit: _between(number, key_unit, unit, low, high)


def _between(number: int, key_unit: str, unit: str, low: float, high: float) -> bool:
    scaled, scaled_unit = units.scale(number, key_unit, unit)
    return scaled_unit == unit and low <= scaled <= high


def _scaled(option: str, bound: re.Match[str], unit: str) -> tuple[float, str]:
    number = int(bound[1])
    if not -_LARGEST - 1 <= number <= _LARGEST:
        raise UsageError(f"invalid range for {option}: {bound[1]} does not fit in 64 bits")
    return units.scale(number, bound[2] or "", unit)
