"""Samples chosen by exact labels and by time, beside the filters that take expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.labelsets import LabelKey, label_columns
from whet.analyze.profile.select import select_samples
from whet.analyze.profile.timeline import Timeline, build_timeline
from whet.errors import UsageError
from whet.model.profile import Profile

__all__ = ["Choices"]

Mask = npt.NDArray[np.bool_]

_HIDDEN = ("pprof::base",)  # the mark of a difference's other side, not a label of the program


class Choices:
    """What a profile's samples can be chosen by; found out once."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    @cached_property
    def labels(self) -> list[tuple[LabelKey, npt.NDArray[np.int32]]]:
        """The label keys, each with its value in every sample."""
        return [item for item in label_columns(self._profile) if item[0].name not in _HIDDEN]

    @cached_property
    def timeline(self) -> Timeline | None:
        """The times of samples, None where the profile has none."""
        return build_timeline(self._profile)

    def chosen(self, labels: Sequence[tuple[str, str]], time: tuple[int, int] | None) -> Profile:
        """Return the samples with all labels, (key, value) with "" for "without", and of a time.

        Raises:
            UsageError: the profile has no such label, or no times.
        """
        keep = self.flags(labels, time)
        return self._profile if keep is None else select_samples(self._profile, keep)

    def valued(self, keep: Mask) -> Profile:
        """Return the profile with all samples, where those that are not kept have no value."""
        samples = self._profile.samples
        return replace(self._profile, samples=replace(samples, values=samples.values * keep[:, None]))

    def flags(self, labels: Sequence[tuple[str, str]], time: tuple[int, int] | None) -> Mask | None:
        """Return bool[samples], those that `chosen` returns; None for all.

        Raises:
            UsageError: the profile has no such label, or no times.
        """
        if not labels and time is None:
            return None
        keep: Mask = np.ones(len(self._profile.samples), np.bool_)
        for name, text in labels:
            keep &= self._with_label(name, text)
        if time is not None:
            if self.timeline is None:
                raise UsageError("this profile's samples have no time", hint="take time out of the address")
            keep &= self.timeline.during(*time)
        return keep

    def _with_label(self, name: str, text: str) -> Mask:
        for key, column in self.labels:
            if key.name == name and key.values:
                if text and text not in key.values:
                    raise UsageError(f"no sample has the label {name}={text}")
                flags: Mask = column == (key.values.index(text) if text else 0)
                return flags
        raise UsageError(f"no label key {name!r} to choose by", hint="tagfocus takes expressions")
