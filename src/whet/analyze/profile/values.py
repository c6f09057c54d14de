"""Which value column a report is about, and its total."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.means import quotient
from whet.analyze.profile.sample_index import index_of
from whet.model.profile import Profile

__all__ = ["base_samples", "choose_sample_index", "total_value"]


def choose_sample_index(profile: Profile, wanted: str) -> int:
    """Return the value column that `sample_index` names: by number, by type, or the default.

    Raises:
        UsageError: the profile has no such column.
    """
    names = [kind for kind, _ in profile.sample_type_names()]
    return index_of(names, profile.strings.text(profile.default_sample_type), wanted)


def total_value(profile: Profile, index: int, *, mean: bool = False) -> tuple[int, int]:
    """Sum the absolute values; only those of the base where the profile is a difference.

    With `mean`, the sum is divided by that of the first column. Returns what it was divided
    by too, 0 for nothing.
    """
    magnitudes = np.abs(profile.samples.values[:, index])
    total = int(magnitudes.sum())
    counts = profile.samples.values[:, 0] if mean else magnitudes[:0]
    divisor = int(counts.sum())
    base = base_samples(profile)
    if base is not None:
        base_total = int(magnitudes[base].sum())
        if base_total > 0:
            total, divisor = base_total, int(counts[base].sum()) if mean else 0
    return quotient(total, divisor), divisor


def base_samples(profile: Profile) -> npt.NDArray[np.bool_] | None:
    """Flag the samples labelled `pprof::base=true`; None where there are no such labels."""
    labels = profile.samples.labels
    if not len(labels):
        return None
    found = [
        row
        for row in np.unique(np.stack([labels.key, labels.text]), axis=1).T.tolist()
        if profile.strings.raw(row[0]) == b"pprof::base" and profile.strings.raw(row[1]) == b"true"
    ]
    if not found:
        return None
    flags = np.zeros(len(labels), bool)
    for key, text in found:
        flags |= (labels.key == key) & (labels.text == text)
    sample = np.repeat(np.arange(len(profile.samples)), np.diff(profile.samples.label_start))
    base = np.zeros(len(profile.samples), bool)
    base[sample[flags]] = True
    return base
