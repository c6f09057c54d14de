"""Multiplying the value columns of a profile.

Values are rounded half away from zero, as pprof's `ScaleN` does. Samples that become zero stay;
merging drops them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from whet.model.columns import take_rows
from whet.model.profile import Labels, Profile, Samples

__all__ = ["rounded", "scaled"]


def scaled(profile: Profile, ratios: Sequence[float], *, as_pprof: bool = False) -> Profile:
    """Multiply each value column by its ratio.

    `as_pprof` repeats a mistake of pprof's: once any ratio is not 1, samples are dropped whose
    only values other than zero are in columns with a ratio of exactly 1.
    """
    changed = [column for column, ratio in enumerate(ratios) if ratio != 1]
    if not changed:
        return profile
    values = profile.samples.values.copy()
    for column in changed:
        values[:, column] = rounded(values[:, column] * ratios[column])
    result = replace(profile, samples=replace(profile.samples, values=values))
    if not as_pprof:
        return result
    keep: npt.NDArray[np.bool_] = (values[:, changed] != 0).any(axis=1)
    return _with_samples(result, keep)


def rounded(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Round half away from zero."""
    whole = np.trunc(values)
    result: npt.NDArray[np.int64] = (whole + np.sign(values) * (np.abs(values - whole) >= 0.5)).astype(
        np.int64
    )
    return result


def _with_samples(profile: Profile, keep: npt.NDArray[np.bool_]) -> Profile:
    samples, rows = profile.samples, np.flatnonzero(keep)
    stack_start, frames = take_rows(samples.stack_start, rows)
    label_start, places = take_rows(samples.label_start, rows)
    old = samples.labels
    labels = Labels(old.key[places], old.text[places], old.number[places], old.unit[places])
    kept = Samples(stack_start, samples.stack[frames], samples.values[rows], label_start, labels)
    return replace(profile, samples=kept)
