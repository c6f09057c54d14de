"""Sets of labels: which samples belong together when a report is filtered by label.

Samples with the same values of all usable keys form one group. Keys with too many values
(request ids, say) would make as many groups as samples, so they are left out and named.
Nothing is formatted here beyond writing a numeric label as its number and unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.model.profile import Profile

__all__ = ["LabelKey", "LabelSets", "label_columns", "label_sets"]

MAX_VALUES = 64
ABSENT = 0


@dataclass(slots=True)
class LabelKey:
    """One label key: its values as texts (0 is "absent") and the number of them."""

    name: str
    values: list[str]
    distinct: int


@dataclass(slots=True)
class LabelSets:
    """Groups of samples.

    Attributes:
        keys: the usable keys.
        unused: keys left out because they have too many values.
        of_sample: int32[n], the group of each sample.
        value: int32[groups, keys], rows of `LabelKey.values`; 0 = absent.
    """

    keys: list[LabelKey]
    unused: list[LabelKey]
    of_sample: npt.NDArray[np.int32]
    value: npt.NDArray[np.int32]


def label_sets(profile: Profile, *, max_groups: int) -> LabelSets:
    """Group the samples of a profile by their labels, into at most `max_groups` groups."""
    samples = len(profile.samples)
    columns = label_columns(profile)
    usable = [(key, column) for key, column in columns if key.distinct <= MAX_VALUES]
    unused = [key for key, _ in columns if key.distinct > MAX_VALUES]
    # Keys with few values first; whatever makes too many groups together is left out.
    usable.sort(key=lambda item: ("thread" not in item[0].name, item[0].distinct, item[0].name))
    keys: list[LabelKey] = []
    of_sample = np.zeros(samples, np.int32)
    value = np.zeros((1, 0), np.int32)
    for label_key, column in usable:
        pair = of_sample.astype(np.int64) * (len(label_key.values)) + column
        found, index = np.unique(pair, return_inverse=True)
        if len(found) > max_groups:
            unused.append(label_key)
            continue
        keys.append(label_key)
        old, new = found // len(label_key.values), found % len(label_key.values)
        value = np.concatenate([value[old], new[:, None].astype(np.int32)], axis=1)
        of_sample = index.reshape(-1).astype(np.int32)
    return LabelSets(keys, unused, of_sample, value)


def label_columns(profile: Profile) -> list[tuple[LabelKey, npt.NDArray[np.int32]]]:
    """Return each label key with its value in each sample: int32[n], rows of `LabelKey.values`.

    Keys with more than `MAX_VALUES` values come without them.
    """
    result = []
    for key in np.unique(profile.samples.labels.key).tolist():
        column, texts, distinct = _column(profile, key)
        result.append((LabelKey(profile.strings.text(key), texts, distinct), column))
    return result


def _column(profile: Profile, key: int) -> tuple[npt.NDArray[np.int32], list[str], int]:
    """Return the value of one key in each sample, the texts of values, their number."""
    labels = profile.samples.labels
    rows = np.flatnonzero(labels.key == key)
    pairs = np.stack([labels.text[rows], labels.number[rows], labels.unit[rows]], axis=1)
    found, index = np.unique(pairs.astype(np.int64), axis=0, return_inverse=True)
    column = np.zeros(len(profile.samples), np.int32)
    owner = np.searchsorted(profile.samples.label_start, rows, side="right") - 1
    # Of several values of one key in one sample the first counts.
    column[owner[::-1]] = index.reshape(-1)[::-1] + 1
    if len(found) > MAX_VALUES:
        return column, [], len(found)
    texts = [""] + [_text(profile, *row) for row in found.tolist()]
    return column, texts, len(found)


def _text(profile: Profile, text: int, number: int, unit: int) -> str:
    if text:
        return profile.strings.text(text)
    return f"{number} {profile.strings.text(unit)}".strip()
