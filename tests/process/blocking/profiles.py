"""Reading the profiles that the programs of this folder write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from whet.formats.pprof import decode


class Sample(NamedTuple):
    """One sample: its functions (leaf first) as (qualname, file), labels and values."""

    functions: list[tuple[str, str]]
    labels: dict[str, str]
    count: int
    ns: int


def samples_of(data: bytes) -> Iterator[Sample]:
    """Yield the samples of a profile with two value types."""
    profile = decode(data)
    texts, f, s = profile.strings.texts(), profile.functions, profile.samples
    rows = [profile.locations.line_function[i] for i in profile.locations.line_start[:-1]]
    for row in range(len(s)):
        stack = s.stack[s.stack_start[row] : s.stack_start[row + 1]]
        labels = range(s.label_start[row], s.label_start[row + 1])
        yield Sample(
            [(texts[f.system_name[rows[i]]], texts[f.filename[rows[i]]]) for i in stack],
            {texts[s.labels.key[i]]: texts[s.labels.text[i]] for i in labels},
            int(s.values[row, 0]),
            int(s.values[row, 1]),
        )
