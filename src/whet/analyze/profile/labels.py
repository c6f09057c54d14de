"""The labels of samples, by key, and the unit each numeric key is read in.

A label with a text is a string label; a numeric one with neither number nor unit does not
exist (profile.proto cannot tell it from an empty one).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet.model.profile import Profile

__all__ = ["SampleLabels", "number_rows", "number_units", "sample_labels"]

_BYTE_KEYS = ("alignment", "request")


@dataclass(slots=True)
class SampleLabels:
    """Labels of one sample: texts per key, and (numbers, units) per key; units may be empty."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    units: dict[str, list[str]] = field(default_factory=dict)


def sample_labels(profile: Profile, texts: list[str], sample: int) -> SampleLabels:
    """Return the labels of a sample; `texts` are the profile's strings."""
    result, labels = SampleLabels(), profile.samples.labels
    start, stop = profile.samples.label_start[sample : sample + 2].tolist()
    for row in range(start, stop):
        key, text = texts[labels.key[row]], int(labels.text[row])
        number, unit = int(labels.number[row]), int(labels.unit[row])
        if text:
            result.texts.setdefault(key, []).append(texts[text])
        elif number or unit:
            _add_number(result, key, number, texts[unit])
    for key, names in result.units.items():
        names += [""] * (len(result.numbers[key]) - len(names))
    return result


def _add_number(labels: SampleLabels, key: str, number: int, unit: str) -> None:
    numbers = labels.numbers.setdefault(key, [])
    if unit:
        names = labels.units.setdefault(key, [])
        names += [""] * (len(numbers) - len(names))
        names.append(unit)
    numbers.append(number)


def number_rows(profile: Profile) -> npt.NDArray[np.int64]:
    """Return the rows of the label table that are numeric labels."""
    labels = profile.samples.labels
    return np.flatnonzero((labels.text == 0) & ((labels.number != 0) | (labels.unit != 0)))


def number_units(profile: Profile) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the unit of each numeric key, the first one met, and the others met for it.

    A key without a unit is its own unit, except a few that count bytes.
    """
    labels, text = profile.samples.labels, profile.strings.text
    numeric = number_rows(profile)
    chosen: dict[str, str] = {}
    others: dict[str, set[str]] = {}
    pairs = dict.fromkeys(zip(labels.key[numeric].tolist(), labels.unit[numeric].tolist(), strict=True))
    for key_index, unit_index in pairs:
        key, unit = text(key_index), text(unit_index)
        current = chosen.setdefault(key, unit) or unit
        chosen[key] = current
        if unit and unit != current:
            others.setdefault(key, set()).add(unit)
    for key, unit in chosen.items():
        if not unit:
            chosen[key] = "bytes" if key in _BYTE_KEYS else key
    return chosen, {key: sorted(units) for key, units in others.items()}
