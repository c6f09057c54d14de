"""The samples of a profile one by one, for tests that look at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from whet.model.profile import Profile


class Sample(NamedTuple):
    """One sample: its functions (leaf first) as (qualname, file), labels (text or number) and values."""

    functions: list[tuple[str, str]]
    labels: dict[str, str | int]
    values: list[int]

    @property
    def names(self) -> list[str]:
        """Return the functions' qualnames, leaf first."""
        return [name for name, _ in self.functions]


def samples_of(profile: Profile) -> Iterator[Sample]:
    """Yield the samples of a profile whose places have one function each."""
    texts, f, s, labels = profile.strings.texts(), profile.functions, profile.samples, profile.samples.labels
    rows = [profile.locations.line_function[i] for i in profile.locations.line_start[:-1]]
    functions = [(texts[f.system_name[row]], texts[f.filename[row]]) for row in rows]
    for row in range(len(s)):
        yield Sample(
            [functions[place] for place in s.stack[s.stack_start[row] : s.stack_start[row + 1]]],
            {
                texts[labels.key[i]]: texts[labels.text[i]] or int(labels.number[i])
                for i in range(s.label_start[row], s.label_start[row + 1])
            },
            s.values[row].tolist(),
        )
