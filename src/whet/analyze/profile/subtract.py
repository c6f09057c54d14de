"""A profile minus its base: what `-base`, `-diff_base` and `-normalize` do before any report.

Semantics: pprof's `fetchProfiles`. With `-diff_base` the base's samples carry a label, so that
shares are shares of the base and equal stacks of both sides do not cancel out unseen.
"""

from __future__ import annotations

from whet.errors import UsageError
from whet.model.common_types import with_common_types
from whet.model.labelled import with_label
from whet.model.merge import merge
from whet.model.profile import Profile
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
        base = with_label(base, *_BASE_LABEL)
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
