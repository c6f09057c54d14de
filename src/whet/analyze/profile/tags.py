"""The labels of samples as values: sums per key and text, and per node of a graph.

A numeric label is named by its number in the unit of its key; different numbers may share a
name. Semantics: pprof's `printTags` and the tags of its graph nodes. Names of values are
texts of `units`, nothing else is formatted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet import units
from whet.analyze.profile.labels import number_rows
from whet.analyze.profile.means import quotient
from whet.analyze.profile.report import Report
from whet.model.profile import Profile

__all__ = ["KeyValues", "NodeTags", "Nodelets", "Tag", "key_values"]

I64 = npt.NDArray[np.int64]
Members = Callable[[list[int]], tuple[I64, I64, npt.NDArray[np.bool_]]]

_BASE_KEY = "pprof::base"
_NODELET_KEY = "bytes"


@dataclass(slots=True)
class KeyValues:
    """One label key: the sum of the values of its samples, by text, largest first."""

    key: str
    total: int
    values: list[tuple[str, int]]


@dataclass(slots=True)
class Tag:
    """A label at a node of a graph.

    Attributes:
        name: "key:text", several with a backslash and an n between them; or a number.
        parts: what the name is made of.
        value, unit: of a numeric label.
        flat, cum: sums of samples; the divisors are what means divide them by.
    """

    name: str
    parts: tuple[str, ...]
    value: int = 0
    unit: str = ""
    flat: int = 0
    cum: int = 0
    flat_divisor: int = 0
    cum_divisor: int = 0

    @property
    def flat_value(self) -> int:
        """The sum, or the mean, of samples whose leaf is the node."""
        return quotient(self.flat, self.flat_divisor)

    @property
    def cum_value(self) -> int:
        """The sum, or the mean, of samples with the node."""
        return quotient(self.cum, self.cum_divisor)

    def add(self, value: int, divisor: int, *, flat: bool) -> None:
        """Count samples at the node, once as its cumulative value, once as its own."""
        self.cum += value
        self.cum_divisor += divisor
        if flat:
            self.flat += value
            self.flat_divisor += divisor


@dataclass(slots=True)
class NodeTags:
    """The labels at a node: texts by name, and numbers by the name of the text they came with."""

    texts: dict[str, Tag] = field(default_factory=dict)
    numbers: dict[str, dict[str, Tag]] = field(default_factory=dict)

    def count(self) -> int:
        """Return how many labels have a flat value."""
        tags = [*self.texts.values(), *(t for group in self.numbers.values() for t in group.values())]
        return sum(tag.flat != 0 for tag in tags)


def key_values(report: Report) -> list[KeyValues]:
    """Return the values of every label key, by key."""
    profile = report.profile
    labels, values, text = profile.samples.labels, report.values, profile.strings.text
    owner = _sample_of_label(profile)
    sums: dict[str, dict[str, int]] = {}
    rows = np.flatnonzero(labels.text != 0)
    for (key, name), value in _sums(labels.key[rows], labels.text[rows], values[owner[rows]]):
        _add(sums.setdefault(text(key), {}), text(name), value)
    rows = number_rows(profile)
    for (key, number), value in _sums(labels.key[rows], labels.number[rows], values[owner[rows]]):
        unit = report.key_units.get(text(key), "")
        _add(sums.setdefault(text(key), {}), units.format_value(number, unit, report.config.unit), value)
    return [
        KeyValues(
            key,
            sum(sums[key].values()),
            sorted(sums[key].items(), key=lambda item: (-abs(item[1]), _bytes(item[0]))),
        )
        for key in sorted(sums, key=_bytes)
    ]


def _add(sums: dict[str, int], name: str, value: int) -> None:
    sums[name] = sums.get(name, 0) + value


def _sums(
    first: npt.NDArray[np.int32], second: npt.NDArray[np.signedinteger], values: I64
) -> list[tuple[tuple[int, int], int]]:
    """Add values up by pairs of a key and something."""
    if not len(first):
        return []
    pairs = np.stack([first.astype(np.int64), second.astype(np.int64)], axis=1)
    distinct, inverse = np.unique(pairs, axis=0, return_inverse=True)
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, inverse.reshape(-1), values)
    return [((a, b), value) for (a, b), value in zip(distinct.tolist(), total.tolist(), strict=True)]


def _sample_of_label(profile: Profile) -> I64:
    return np.repeat(np.arange(len(profile.samples)), np.diff(profile.samples.label_start))


class Nodelets:
    """Finds the labels at nodes of a graph.

    Args:
        members: tells which samples have which of some rows, and whether as their leaf.
    """

    def __init__(self, report: Report, members: Members) -> None:
        self._report = report
        self._members = members
        self._sets: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
        self._of_sample = np.zeros(0, np.int64)
        if len(report.profile.samples.labels):
            self._sets, self._of_sample = _label_sets(report.profile)

    def of(self, rows: list[int], cutoff: int) -> dict[int, NodeTags]:
        """Return the labels at rows; those below the cut-off are left out."""
        if not any(texts or numbers for texts, numbers in self._sets):
            return {}
        row, sample, leaf = self._members(rows)
        report = self._report
        label_set = self._of_sample[sample]
        keys = np.stack([row, label_set, leaf.astype(np.int64)], axis=1)
        distinct, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        value, divisor = np.zeros(len(distinct), np.int64), np.zeros(len(distinct), np.int64)
        np.add.at(value, inverse.reshape(-1), report.values[sample])
        if report.divisors is not None:
            np.add.at(divisor, inverse.reshape(-1), report.divisors[sample])
        found: dict[int, NodeTags] = {}
        # Of numbers with one name the first sample's is the one that is kept.
        for place in np.argsort(first).tolist():
            node, set_row, is_leaf = distinct[place].tolist()
            tags = found.setdefault(node, NodeTags())
            self._count(tags, set_row, int(value[place]), int(divisor[place]), flat=bool(is_leaf))
        return {node: _trimmed(tags, cutoff) for node, tags in found.items()}

    def _count(self, tags: NodeTags, set_row: int, value: int, divisor: int, *, flat: bool) -> None:
        parts, numbers = self._sets[set_row]
        name = r"\n".join(parts)
        if parts:
            tags.texts.setdefault(name, Tag(name, parts)).add(value, divisor, flat=flat)
        unit = self._report.key_units.get(_NODELET_KEY, "")
        group = tags.numbers.setdefault(name, {}) if numbers else {}
        for number in numbers:
            label = units.format_value(number, unit, self._report.config.unit)
            group.setdefault(label, Tag(label, (label,), number, unit)).add(value, divisor, flat=flat)


def _trimmed(tags: NodeTags, cutoff: int) -> NodeTags:
    def heavy(group: dict[str, Tag]) -> dict[str, Tag]:
        return {n: t for n, t in group.items() if abs(t.flat) >= cutoff or abs(t.cum) >= cutoff}

    return NodeTags(heavy(tags.texts), {name: heavy(group) for name, group in tags.numbers.items()})


def _label_sets(profile: Profile) -> tuple[list[tuple[tuple[str, ...], tuple[int, ...]]], I64]:
    """Return the different sets of labels, and which of them each sample has."""
    labels, text = profile.samples.labels, profile.strings.text
    starts = profile.samples.label_start.tolist()
    columns = zip(
        labels.key.tolist(), labels.text.tolist(), labels.number.tolist(), labels.unit.tolist(), strict=True
    )
    cells = list(columns)
    known: dict[tuple[tuple[int, int, int, int], ...], int] = {}
    of_sample = np.zeros(len(profile.samples), np.int64)
    for sample in range(len(profile.samples)):
        key = tuple(cells[starts[sample] : starts[sample + 1]])
        of_sample[sample] = known.setdefault(key, len(known))
    sets = []
    for key in known:
        texts = [f"{text(k)}:{text(t)}" for k, t, _, _ in key if t and text(k) != _BASE_KEY]
        numbers = [n for k, t, n, u in key if not t and (n or u) and text(k) == _NODELET_KEY]
        sets.append((tuple(sorted(texts, key=_bytes)), tuple(numbers)))
    return sets, of_sample


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
