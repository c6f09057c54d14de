"""What the samples of a profile say, apart from tables and order."""

from __future__ import annotations

from collections import Counter

from whet.model.profile import Profile


def sample_counts(profile: Profile, number: int) -> Counter[tuple[object, ...]]:
    """Return how often each sample of one value type is there, as (stack, labels, value) in texts."""
    p, s, labels = profile, profile.samples, profile.samples.labels

    def text(index: int) -> str:
        # What is not UTF-8 is a '?' for each byte.
        return p.strings.text(index).encode("utf-8", "replace").decode()

    places = [
        (
            None if p.locations.mapping[i] < 0 else text(p.mappings.filename[p.locations.mapping[i]]),
            int(p.locations.address[i]),
            *(
                (
                    text(p.functions.name[p.locations.line_function[k]]),
                    text(p.functions.filename[p.locations.line_function[k]]),
                    int(p.functions.start_line[p.locations.line_function[k]]),
                    int(p.locations.line[k]),
                    int(p.locations.column[k]),
                )
                for k in range(p.locations.line_start[i], p.locations.line_start[i + 1])
            ),
        )
        for i in range(len(p.locations))
    ]
    found: Counter[tuple[object, ...]] = Counter()
    for i in range(len(s)):
        kept = [
            (
                text(labels.key[k]),
                text(labels.text[k]) if labels.text[k] else int(labels.number[k]),
                text(labels.unit[k]),
            )
            for k in range(s.label_start[i], s.label_start[i + 1])
        ]
        stack = tuple(places[place] for place in s.stack[s.stack_start[i] : s.stack_start[i + 1]])
        if s.values[i, number]:
            found[stack, tuple(kept), int(s.values[i, number])] += 1
    return found
