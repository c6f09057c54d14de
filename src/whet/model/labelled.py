"""Labels of all samples at once: giving every sample one, and reading one of each.

Works on the columns of `model.profile`; knows no label's meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from whet.model.profile import Labels, Profile, StringTable

__all__ = ["label_texts", "with_label", "with_strings"]


def with_strings(profile: Profile, texts: Sequence[str]) -> tuple[Profile, list[int]]:
    """Append strings, whether or not they are in the table; return their indices, too."""
    pieces = [text.encode("utf-8", "surrogateescape") for text in texts]
    table = profile.strings
    strings = StringTable(
        np.concatenate([table.blob, np.frombuffer(b"".join(pieces), np.uint8)]),
        np.concatenate([table.start, table.start[-1] + np.cumsum([len(p) for p in pieces], dtype=np.int64)]),
    )
    return replace(profile, strings=strings), list(range(len(table), len(strings)))


def with_label(profile: Profile, key: str, text: str) -> Profile:
    """Give every sample a label, instead of those of this key that it may have."""
    samples, labels, count = profile.samples, profile.samples.labels, len(profile.samples)
    keep = ~_has_key(profile, key) | (labels.text == 0)
    profile, (key_index, text_index) = with_strings(profile, [key, text])
    owner = np.repeat(np.arange(count), np.diff(samples.label_start))[keep]
    # One label more a sample, after its others.
    place = np.arange(len(owner)) + owner
    start = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=count) + 1, out=start[1:])
    columns = {}
    for name, added in (("key", key_index), ("text", text_index), ("number", 0), ("unit", 0)):
        column = getattr(labels, name)
        columns[name] = np.full(len(owner) + count, added, column.dtype)
        columns[name][place] = column[keep]
    return replace(profile, samples=replace(samples, label_start=start, labels=Labels(**columns)))


def label_texts(profile: Profile, key: str) -> npt.NDArray[np.int32]:
    """Return the string index of each sample's text label of this key, the last of several; 0 = none."""
    samples = profile.samples
    owner = np.repeat(np.arange(len(samples)), np.diff(samples.label_start))
    found = np.zeros(len(samples), np.int32)
    rows = np.flatnonzero(_has_key(profile, key) & (samples.labels.text != 0))
    found[owner[rows]] = samples.labels.text[rows]
    return found


def _has_key(profile: Profile, key: str) -> npt.NDArray[np.bool_]:
    keys, wanted = profile.samples.labels.key, key.encode("utf-8", "surrogateescape")
    same = [row for row in np.unique(keys).tolist() if profile.strings.raw(row) == wanted]
    return np.isin(keys, same)
