"""tagroot and tagleaf: the labels of samples as frames at the ends of their stacks.

A frame's function is named by the label's values, its file by the label's key; samples without
the label get a frame without a name. Semantics: pprof's `addLabelNodes`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from whet import units
from whet.analyze.profile.labels import SampleLabels, sample_labels
from whet.model.profile import Functions, Locations, Profile, StringTable

__all__ = ["add_tag_frames"]


def add_tag_frames(profile: Profile, root: str, leaf: str, unit: str) -> tuple[Profile, list[str]]:
    """Add frames for comma-separated label keys at root and leaf; return warnings too.

    `unit` is what numeric labels with a unit are written in.
    """
    root_keys, leaf_keys = _keys(root), _keys(leaf)
    if not root_keys and not leaf_keys:
        return profile, _warnings(root, leaf, set())
    table = _Table(profile, unit)
    matched: set[str] = set()
    texts, samples = profile.strings.texts(), profile.samples
    inner, outer = [], []
    for row in range(len(samples)):
        labels = sample_labels(profile, texts, row)
        # The first key is nearest to the root, the last one nearest to the leaf.
        outer.append(table.frames(labels, root_keys[::-1], "root", matched))
        inner.append(table.frames(labels, leaf_keys[::-1], "leaf", matched))
    joined = _joined_stacks(samples.stack, samples.stack_start, inner, outer)
    counts = np.diff(samples.stack_start) + len(root_keys) + len(leaf_keys)
    start = np.zeros(len(samples) + 1, np.int64)
    np.cumsum(counts, out=start[1:])
    grown = replace(table.profile(), samples=replace(samples, stack=joined, stack_start=start))
    return grown, _warnings(root, leaf, matched)


def _keys(text: str) -> list[str]:
    return [key for key in text.split(",") if key]


def _warnings(root: str, leaf: str, matched: set[str]) -> list[str]:
    options = (("TagRoot", root, "root"), ("TagLeaf", leaf, "leaf"))
    return [
        f"{title} expression matched no samples"
        for title, text, end in options
        if text and end not in matched
    ]


class _Table:
    """The functions and locations that are added, each once."""

    def __init__(self, profile: Profile, unit: str) -> None:
        self._profile = profile
        self._unit = unit
        self._rows: dict[tuple[str, str], int] = {}

    def frames(self, labels: SampleLabels, keys: list[str], end: str, matched: set[str]) -> list[int]:
        """Return the location rows of a sample's labels."""
        rows = []
        for key in keys:
            values = self._values(labels, key)
            if values:
                matched.add(end)
            new = len(self._profile.locations) + len(self._rows)
            rows.append(self._rows.setdefault((",".join(values), key), new))
        return rows

    def _values(self, labels: SampleLabels, key: str) -> list[str]:
        numbers, names = labels.numbers.get(key, []), labels.units.get(key)
        values = list(labels.texts.get(key, []))
        for place, number in enumerate(numbers):
            unit, shown_in = (names[place], self._unit) if names else ("", "")
            values.append(units.format_value(number, unit, shown_in))
        return values

    def profile(self) -> Profile:
        """Return the profile with the added rows."""
        profile, count = self._profile, len(self._rows)
        strings = profile.strings
        names = [text.encode("utf-8", "surrogateescape") for pair in self._rows for text in pair]
        blob = np.concatenate([strings.blob, np.frombuffer(b"".join(names), np.uint8)])
        ends = strings.start[-1] + np.cumsum([len(name) for name in names], dtype=np.int64)
        place = len(strings) + 2 * np.arange(count, dtype=np.int32)
        functions, locations = profile.functions, profile.locations
        return replace(
            profile,
            strings=StringTable(blob, np.concatenate([strings.start, ends])),
            functions=Functions(
                id=_with_new_ids(functions.id, count),
                name=np.concatenate([functions.name, place]),
                system_name=_padded(functions.system_name, count, 0),
                filename=np.concatenate([functions.filename, place + np.int32(1)]),
                start_line=_padded(functions.start_line, count, 0),
            ),
            locations=Locations(
                id=_with_new_ids(locations.id, count),
                mapping=_padded(locations.mapping, count, -1),
                address=_padded(locations.address, count, 0),
                is_folded=_padded(locations.is_folded, count, 0),
                line_start=np.concatenate(
                    [locations.line_start, locations.line_start[-1] + np.arange(1, count + 1)]
                ),
                line_function=np.concatenate(
                    [locations.line_function, len(functions) + np.arange(count, dtype=np.int32)]
                ).astype(np.int32),
                line=_padded(locations.line, count, 0),
                column=_padded(locations.column, count, 0),
            ),
        )


def _with_new_ids(ids: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    first = int(ids.max(initial=0)) + 1
    return np.concatenate([ids, np.array([(first + i) % (1 << 64) for i in range(count)], np.uint64)])


def _padded(column: npt.NDArray[Any], count: int, value: int) -> npt.NDArray[Any]:
    return np.concatenate([column, np.full(count, value, column.dtype)])


def _joined_stacks(
    stack: npt.NDArray[np.int32],
    start: npt.NDArray[np.int64],
    inner: list[list[int]],
    outer: list[list[int]],
) -> npt.NDArray[np.int32]:
    pieces: list[Any] = []
    bounds = start.tolist()
    for row, (first, last) in enumerate(zip(inner, outer, strict=True)):
        pieces += [first, stack[bounds[row] : bounds[row + 1]], last]
    return np.concatenate(pieces).astype(np.int32) if pieces else stack
