"""Strings of several profiles under common numbers, and string tables of only what is used.

Works on the columns of `model.profile`; knows nothing of what the strings mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from whet.model.columns import first_appearance
from whet.model.profile import Profile, StringTable

__all__ = ["StringPool", "label_key_ranks", "renumbered", "with_used_strings"]

I32 = npt.NDArray[np.int32]


class StringPool:
    """Strings as bytes, each once; '' is number 0."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {b"": 0}

    def numbers(self, table: StringTable) -> I32:
        """Return the number of every string of a table, adding those that are new."""
        data, numbers = table.blob.tobytes(), self._numbers
        pieces = (data[a:b] for a, b in pairwise(table.start.tolist()))
        return np.array([numbers.setdefault(piece, len(numbers)) for piece in pieces], np.int32)

    def table(self) -> StringTable:
        """Return the table in which every string has its number."""
        return _table(list(self._numbers))


def label_key_ranks(profile: Profile) -> I32:
    """Return, for each label, the place of its key in the byte order of all label keys."""
    keys, inverse = np.unique(profile.samples.labels.key, return_inverse=True)
    texts = [profile.strings.raw(key) for key in keys.tolist()]
    rank = np.zeros(len(keys), np.int32)
    rank[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(keys))
    return rank[inverse]


def with_used_strings(profile: Profile) -> Profile:
    """Return the profile with a table of the strings it uses, in the order of pprof's writer."""
    used = np.concatenate([[0], *_in_order_of_writing(profile)]).astype(np.int64)
    kept, _ = first_appearance(used, len(profile.strings))
    number = np.zeros(len(profile.strings), np.int32)
    number[kept] = np.arange(len(kept))
    data, start = profile.strings.blob.tobytes(), profile.strings.start.tolist()
    table = _table([data[start[i] : start[i + 1]] for i in kept.tolist()])
    return renumbered(profile, number, table)


def renumbered(profile: Profile, number: I32, table: StringTable) -> Profile:
    """Return the profile with each string index i replaced by number[i]."""
    samples, mappings, functions = profile.samples, profile.mappings, profile.functions
    labels = samples.labels
    labels = replace(labels, key=number[labels.key], text=number[labels.text], unit=number[labels.unit])
    one = number.tolist().__getitem__ if len(number) < 1 << 12 else lambda index: int(number[index])
    return replace(
        profile,
        strings=table,
        sample_type=[(one(kind), one(unit)) for kind, unit in profile.sample_type],
        samples=replace(samples, labels=labels),
        mappings=replace(mappings, filename=number[mappings.filename], build_id=number[mappings.build_id]),
        functions=replace(
            functions,
            name=number[functions.name],
            system_name=number[functions.system_name],
            filename=number[functions.filename],
        ),
        drop_frames=one(profile.drop_frames),
        keep_frames=one(profile.keep_frames),
        period_type=profile.period_type and (one(profile.period_type[0]), one(profile.period_type[1])),
        comments=[one(comment) for comment in profile.comments],
        default_sample_type=one(profile.default_sample_type),
        doc_url=one(profile.doc_url),
    )


def _in_order_of_writing(p: Profile) -> Iterator[npt.NDArray[np.int64] | list[int]]:
    labels, mappings, functions = p.samples.labels, p.mappings, p.functions
    yield [index for pair in p.sample_type for index in pair]
    yield _interleaved(labels.key, np.where(labels.text != 0, labels.text, labels.unit))
    yield _interleaved(mappings.filename, mappings.build_id)
    yield _interleaved(functions.name, functions.system_name, functions.filename)
    yield [p.drop_frames, p.keep_frames, *(p.period_type or ()), *p.comments]
    yield [p.default_sample_type, p.doc_url]


def _interleaved(*columns: I32) -> npt.NDArray[np.int64]:
    return np.stack(columns, axis=1).astype(np.int64).ravel()


def _table(pieces: list[bytes]) -> StringTable:
    start = np.zeros(len(pieces) + 1, np.int64)
    np.cumsum([len(piece) for piece in pieces], out=start[1:])
    return StringTable(np.frombuffer(b"".join(pieces), np.uint8), start)
