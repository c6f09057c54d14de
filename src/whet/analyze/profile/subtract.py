"""A profile minus its base: what `-base`, `-diff_base` and `-normalize` do before any report.

Semantics: pprof's `fetchProfiles`. With `-diff_base` the base's samples carry a label, so that
shares are shares of the base and equal stacks of both sides do not cancel out unseen.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whet.errors import UsageError
from whet.model.common_types import with_common_types
from whet.model.merge import merge
from whet.model.profile import Labels, Profile, StringTable
from whet.model.scale import scaled

__all__ = ["subtract"]

_BASE_LABEL = ("pprof::base", "true")


def subtract(
    profile: Profile, base: Profile, *, labelled: bool, normalize: bool, as_pprof: bool = False
) -> Profile:
    """Return the difference of two profiles.

    Args:
        profile: the new side.
        base: the old side; both or neither have mappings.
        labelled: whether the base's samples get pprof's label for them.
        normalize: whether the profile is scaled to the base's totals first.
        as_pprof: whether to lose the samples that pprof's scaling and merging lose.

    Raises:
        UsageError: the two are of different kinds.
    """
    if labelled:
        base = _with_label(base)
    if normalize:
        profile = _normalized(profile, base, as_pprof=as_pprof)
    negative = scaled(base, [-1.0] * len(base.sample_type), as_pprof=as_pprof)
    common = with_common_types([profile, negative], as_pprof=as_pprof)
    return merge(common, as_pprof=as_pprof)


def _normalized(profile: Profile, base: Profile, *, as_pprof: bool) -> Profile:
    if profile.sample_type_names() != base.sample_type_names():
        raise UsageError(
            "the profile cannot be normalized to its base: sample types differ",
            hint="normalize compares profiles of one kind",
        )
    totals = [p.samples.values.sum(axis=0).tolist() for p in (base, profile)]
    ratios = [wanted / own if own else 0.0 for wanted, own in zip(*totals, strict=True)]
    return scaled(profile, ratios, as_pprof=as_pprof)


def _with_label(profile: Profile) -> Profile:
    """Give every sample the label that marks a base, instead of the one it may have."""
    samples, labels, count = profile.samples, profile.samples.labels, len(profile.samples)
    key, text = len(profile.strings), len(profile.strings) + 1
    texts = [name.encode() for name in _BASE_LABEL]
    strings = StringTable(
        np.concatenate([profile.strings.blob, np.frombuffer(b"".join(texts), np.uint8)]),
        np.concatenate(
            [profile.strings.start, profile.strings.start[-1] + np.cumsum([len(t) for t in texts])]
        ),
    )
    old = [row for row in np.unique(labels.key).tolist() if profile.strings.raw(row) == texts[0]]
    keep = ~np.isin(labels.key, old) | (labels.text == 0)
    owner = np.repeat(np.arange(count), np.diff(samples.label_start))[keep]
    # One label more a sample, after its others.
    place = np.arange(len(owner)) + owner
    start = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=count) + 1, out=start[1:])
    columns = {}
    for name, added in (("key", key), ("text", text), ("number", 0), ("unit", 0)):
        column = getattr(labels, name)
        columns[name] = np.full(len(owner) + count, added, column.dtype)
        columns[name][place] = column[keep]
    marked = replace(samples, label_start=start, labels=Labels(**columns))
    return replace(profile, strings=strings, samples=marked)
