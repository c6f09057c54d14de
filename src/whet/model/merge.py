"""Merging and compacting profiles, with pprof's semantics.

Equal samples (same stack, same labels) become one, tables keep only what samples use, rows are
in order of first use and ids are 1..n. Mappings, locations and functions of different profiles
are the same where pprof says so; addresses are compared relative to their mapping, so that
address space randomization does not matter. Two deliberate differences: lines keep their
columns apart, and a source without a time does not erase the time of the others.
Source of the rules: github.com/google/pprof, profile/merge.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from whet.errors import UsageError
from whet.model.columns import concatenated_start, take_rows
from whet.model.dedupe import deduplicated
from whet.model.profile import Functions, Labels, Locations, Mappings, Profile, Samples
from whet.model.strings import StringPool, renumbered, with_used_strings

__all__ = ["compact", "merge", "without_cancelled"]


def compact(profile: Profile) -> Profile:
    """Return the profile without unused rows and strings, equal samples added up."""
    return merge([profile])


def merge(profiles: Sequence[Profile], *, as_pprof: bool = False) -> Profile:
    """Merge profiles of the same sample types and period type into one.

    `as_pprof` loses what pprof's merging loses: columns of inlined lines, and the time where a
    later profile has none.

    Raises:
        UsageError: there are none, or their types differ.
    """
    if not profiles:
        raise UsageError("no profiles to merge")
    _check_compatible(profiles)
    joined = _concatenated(profiles)
    if as_pprof:
        joined = replace(joined, time_nanos=_time_as_pprof(profiles))
    return without_cancelled(deduplicated(joined, inlined_columns=not as_pprof), as_pprof=as_pprof)


def without_cancelled(merged: Profile, *, as_pprof: bool = False) -> Profile:
    """Return a merged profile without samples that became 0, and what only they used."""
    if not merged.samples.values.any(axis=1).all():
        merged = deduplicated(_without_zero_samples(merged), inlined_columns=not as_pprof)
    return with_used_strings(merged)


def _time_as_pprof(profiles: Sequence[Profile]) -> int:
    time_nanos = 0
    for profile in profiles:
        if time_nanos == 0 or profile.time_nanos < time_nanos:
            time_nanos = profile.time_nanos
    return time_nanos


def _check_compatible(profiles: Sequence[Profile]) -> None:
    first = profiles[0]
    for other in profiles[1:]:
        if _period_type(first) != _period_type(other):
            raise UsageError(
                f"incompatible period types {_period_type(first)} and {_period_type(other)}",
                hint="only profiles of the same kind can be merged",
            )
        if first.sample_type_names() != other.sample_type_names():
            raise UsageError(
                f"incompatible sample types {_type_list(first)} and {_type_list(other)}",
                hint="only profiles of the same kind can be merged",
            )


def _period_type(profile: Profile) -> str:
    kind, unit = profile.period_type or (0, 0)
    return f"{profile.strings.text(kind)}/{profile.strings.text(unit)}"


def _type_list(profile: Profile) -> str:
    return "[" + " ".join(f"{kind}/{unit}" for kind, unit in profile.sample_type_names()) + "]"


def _without_zero_samples(profile: Profile) -> Profile:
    s = profile.samples
    rows = np.flatnonzero(s.values.any(axis=1))
    if len(rows) == len(s):
        return profile
    stack_start, frames = take_rows(s.stack_start, rows)
    label_start, labels = take_rows(s.label_start, rows)
    taken = Labels(*(getattr(s.labels, name)[labels] for name in _names(Labels)))
    samples = Samples(stack_start, s.stack[frames], s.values[rows], label_start, taken)
    return replace(profile, samples=samples)


def _concatenated(profiles: Sequence[Profile]) -> Profile:
    """Put the tables one after the other under common strings; ids may occur several times."""
    pool = StringPool()
    numbers = [pool.numbers(p.strings) for p in profiles]
    table = pool.table()
    parts = [renumbered(_without_zero_samples(p), n, table) for p, n in zip(profiles, numbers, strict=True)]
    return replace(
        parts[0],
        samples=_joined_samples(parts),
        mappings=Mappings(**_joined(Mappings, [p.mappings for p in parts])),
        locations=_joined_locations(parts),
        functions=Functions(**_joined(Functions, [p.functions for p in parts])),
        time_nanos=min((p.time_nanos for p in parts if p.time_nanos), default=0),
        duration_nanos=_wrapped(sum(p.duration_nanos for p in parts)),
        period=_period(parts),
        comments=list(dict.fromkeys(c for p in parts for c in p.comments)),
        default_sample_type=_first(parts, lambda p: p.default_sample_type),
        doc_url=_first(parts, lambda p: p.doc_url),
    )


def _joined_samples(parts: Sequence[Profile]) -> Samples:
    samples = [p.samples for p in parts]
    return Samples(
        stack_start=concatenated_start([s.stack_start for s in samples]),
        stack=_shifted([s.stack for s in samples], [len(p.locations) for p in parts]),
        values=np.concatenate([s.values for s in samples]),
        label_start=concatenated_start([s.label_start for s in samples]),
        labels=Labels(**_joined(Labels, [s.labels for s in samples])),
    )


def _joined_locations(parts: Sequence[Profile]) -> Locations:
    locations = [p.locations for p in parts]
    columns = _joined(Locations, locations)
    columns["line_start"] = concatenated_start([t.line_start for t in locations])
    columns["mapping"] = _shifted([t.mapping for t in locations], [len(p.mappings) for p in parts])
    columns["line_function"] = _shifted(
        [t.line_function for t in locations], [len(p.functions) for p in parts]
    )
    return Locations(**columns)


def _names(record: type) -> list[str]:
    return list(record.__dataclass_fields__)  # type: ignore[attr-defined]


def _joined(record: type, tables: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.concatenate([getattr(t, name) for t in tables]) for name in _names(record)}


def _shifted(columns: Sequence[npt.NDArray[np.int32]], sizes: Sequence[int]) -> npt.NDArray[np.int32]:
    """Join columns of row numbers into tables that are joined too; -1 stays -1."""
    pieces, base = [], 0
    for column, size in zip(columns, sizes, strict=True):
        pieces.append(np.where(column >= 0, column + np.int32(base), np.int32(-1)) if base else column)
        base += size
    return np.concatenate(pieces)


def _period(parts: Sequence[Profile]) -> int:
    """The largest period, zero counting as unknown."""
    known = [p.period for p in parts if p.period]
    return max(known) if known else 0


def _first(parts: Sequence[Profile], get: Callable[[Profile], int]) -> int:
    return next((index for index in map(get, parts) if index), 0)


def _wrapped(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
