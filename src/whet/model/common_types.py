"""Making the value types of several profiles equal, so that they can be merged or compared.

As pprof does before it merges: types that not all profiles have are dropped, the order is that
of the first profile, and where units differ within a family (ms, ns) all values are scaled to
the finest of them. Samples that become zero stay; merging drops them.
Source of the rules: github.com/google/pprof, profile/merge.go (sample types) and
internal/measurement (units).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from whet import units
from whet.errors import UsageError
from whet.model.profile import Profile, StringTable
from whet.model.scale import scaled

__all__ = ["with_common_types"]


def with_common_types(profiles: Sequence[Profile], *, as_pprof: bool = False) -> list[Profile]:
    """Return the profiles with the same sample types and units of periods, where possible.

    `as_pprof` loses the samples that pprof's scaling loses.

    Raises:
        UsageError: there is no sample type that all have.
    """
    names = [[kind for kind, _ in p.sample_type_names()] for p in profiles]
    if any(other != names[0] for other in names[1:]):
        common = [n for n in dict.fromkeys(names[0]) if all(n in other for other in names[1:])]
        if not common:
            raise UsageError(
                "the profiles have no sample type in common",
                hint="only profiles of the same kind can be merged",
            )
        profiles = [_with_types(p, common) for p in profiles]
    return _in_finest_units(profiles, as_pprof=as_pprof)


def _with_types(profile: Profile, names: Sequence[str]) -> Profile:
    """Keep the named sample types, in that order."""
    own = [kind for kind, _ in profile.sample_type_names()]
    if own == list(names):
        return profile
    columns = [own.index(name) for name in names]
    default = profile.default_sample_type
    if profile.strings.text(default) not in names:
        default = profile.sample_type[columns[0]][0]
    return replace(
        profile,
        sample_type=[profile.sample_type[c] for c in columns],
        samples=replace(profile.samples, values=profile.samples.values[:, columns]),
        default_sample_type=default,
    )


def _in_finest_units(profiles: Sequence[Profile], *, as_pprof: bool) -> list[Profile]:
    used = [[unit for _, unit in p.sample_type_names()] for p in profiles]
    finest = [_finest(column) for column in zip(*used, strict=True)]
    periods = [p.strings.text((p.period_type or (0, 0))[1]) for p in profiles]
    finest_period = _finest(periods)
    result = []
    for profile, own, period_unit in zip(profiles, used, periods, strict=True):
        common = profile if own == finest else _in_units(profile, own, finest, as_pprof=as_pprof)
        if period_unit != finest_period and _ratio(period_unit, finest_period) is not None:
            common = _with_period_unit(common, period_unit, finest_period)
        result.append(common)
    return result


def _finest(names: Sequence[str]) -> str:
    finest = names[0]
    for name in names[1:]:
        ratio = _ratio(name, finest)
        if ratio is not None and ratio < 1:
            finest = name
    return finest


def _ratio(unit: str, other: str) -> float | None:
    """Return how many of `other` one `unit` is, None where they are of different families."""
    if unit == other:
        return 1.0
    return units.scale(1, unit, other)[0] if units.same_family(unit, other) else None


def _in_units(profile: Profile, own: Sequence[str], wanted: Sequence[str], *, as_pprof: bool) -> Profile:
    strings, types = profile.strings, list(profile.sample_type)
    ratios = [1.0] * len(types)
    for column, (unit, finest) in enumerate(zip(own, wanted, strict=True)):
        ratio = _ratio(unit, finest)
        if unit == finest or ratio is None:
            continue
        ratios[column] = ratio
        strings, index = _with_text(strings, finest)
        types[column] = types[column][0], index
    return scaled(replace(profile, strings=strings, sample_type=types), ratios, as_pprof=as_pprof)


def _with_period_unit(profile: Profile, unit: str, finest: str) -> Profile:
    strings, index = _with_text(profile.strings, finest)
    period = int(units.scale(profile.period, unit, finest)[0])
    kind = (profile.period_type or (0, 0))[0]
    return replace(profile, strings=strings, period=period, period_type=(kind, index))


def _with_text(table: StringTable, text: str) -> tuple[StringTable, int]:
    data = text.encode("utf-8", "surrogateescape")
    blob = np.concatenate([table.blob, np.frombuffer(data, np.uint8)])
    start = np.append(table.start, table.start[-1] + len(data))
    return StringTable(blob, start), len(table)
