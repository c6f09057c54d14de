"""Projections: a result's place in the tables, as a tuple of values of keys, and their order.

The language is benchstat's: keys separated by commas or blanks, each with `@alpha`, `@num` or
`@(fixed order)`; a fixed order is a filter too. Projections that are parsed together exclude each other: a
key that one of them names is left out of `.config` and `.fullname` in all others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from whet.analyze.stat.facts import Extract, Facts, extractor
from whet.analyze.stat.filter import Filter
from whet.analyze.stat.names import without_keys
from whet.analyze.stat.syntax import Tokens
from whet.formats.numbers import parse_float

__all__ = ["Field", "Key", "Projection", "Projections"]

# Values by the index of their field, without the empty ones at the end: fields may be added later.
Key = tuple[str, ...]

_ORDERS = ("alpha", "num", "first", "fixed")
_NUMBER = re.compile(r"([+-]?[0-9.]+)([kKMGTPEZY]i?)?[bB]?")
_PREFIXES = "KMGTPEZY"


@dataclass(slots=True, eq=False)
class Field:
    """A key of a projection.

    Attributes:
        name: of the key.
        index: of its value in a `Key`; -1 for a group.
        order: how its values are ordered.
        fixed: the place of each value in a fixed order.
        observed: the place of each value in the order of appearance.
        fields: of a group, in order of appearance.
    """

    name: str
    index: int
    order: str
    fixed: dict[str, int] = field(default_factory=dict)
    observed: dict[str, int] = field(default_factory=dict)
    fields: list[Field] = field(default_factory=list)

    def rank(self, value: str) -> tuple[object, ...]:
        """Return what values of this field are sorted by; only equal values have equal ranks."""
        text = value.encode("utf-8", "surrogateescape")
        if self.order == "first":
            return self.observed.get(value, 0), text
        if self.order == "fixed":
            return self.fixed.get(value, 0), text
        return (*_numeric(value), text) if self.order == "num" else (text,)


def _numeric(text: str) -> tuple[int, bool, float]:
    """Rank numbers first, then what is not a number but a float, then everything else."""
    for candidate, factor in ((text, 1.0), _scaled(text)):
        try:
            value = parse_float(candidate) * factor
        except ValueError:
            continue
        return 0, math.isnan(value), 0.0 if math.isnan(value) else value
    return 1, False, 0.0


def _scaled(text: str) -> tuple[str, float]:
    """Split a number with a prefix, such as 2k or 1MiB, into itself and its factor."""
    found = _NUMBER.fullmatch(text)
    return (found[1], _scale(found[2] or "")) if found else ("", 1.0)


def _scale(prefix: str) -> float:
    if not prefix:
        return 1.0
    power = 1 + _PREFIXES.index(prefix[0].upper())
    return (1024.0 if prefix.endswith("i") else 1000.0) ** power


class Projection:
    """A parsed projection; asking it for keys teaches it values and, within `.config`, fields."""

    def __init__(self, siblings: Projections) -> None:
        self._siblings = siblings
        self.root: list[Field] = []
        self.unit_field: Field | None = None
        self._steps: list[tuple[Field, Extract]] = []
        self._size = 0
        self._known: set[Key] = set()
        # Keys by setting, where names have no part in them; and by setting and units.
        self._uses_names = False
        self._keys: dict[int, Key] = {}
        self._unit_keys: dict[tuple[int, tuple[str, ...]], list[Key]] = {}

    def add(self, name: str, order: str, *, group: Field | None = None) -> Field:
        """Add a field, to a group or as one of its own."""
        added = Field(name, self._size, order)
        self._size += 1
        (self.root if group is None else group.fields).append(added)
        return added

    def add_group(self, name: str, order: str) -> Field:
        """Add a group, whose fields are found in results."""
        added = Field(name, -1, order)
        self.root.append(added)
        return added

    def add_step(self, place: Field, extract: Extract) -> None:
        """Say where a field's value comes from."""
        self._steps.append((place, extract))
        self._uses_names |= place.name in (".name", ".fullname") or place.name.startswith("/")

    def fields(self) -> list[Field]:
        """Return all fields in the order of comparison, groups unfolded."""
        return [f for top in self.root for f in (top.fields if top.index < 0 else [top])]

    def key(self, facts: Facts) -> Key:
        """Return the key of a result."""
        if self._uses_names or facts.setting < 0:
            return self._learn(self._row(facts))
        key = self._keys.get(facts.setting)
        if key is None:
            key = self._keys[facts.setting] = self._learn(self._row(facts))
        return key

    def unit_keys(self, facts: Facts, units: tuple[str, ...]) -> list[Key]:
        """Return the key of each value, given its unit."""
        if self._uses_names or facts.setting < 0:
            return self._with_units(facts, units)
        keys = self._unit_keys.get((facts.setting, units))
        if keys is None:
            keys = self._unit_keys[facts.setting, units] = self._with_units(facts, units)
        return keys

    def _with_units(self, facts: Facts, units: tuple[str, ...]) -> list[Key]:
        row = self._row(facts)
        assert self.unit_field is not None
        keys = []
        for unit in units:
            row[self.unit_field.index] = unit
            keys.append(self._learn(row))
        return keys

    def value(self, key: Key, of: Field) -> str:
        """Return the value of a field."""
        return key[of.index] if of.index < len(key) else ""

    def ordered(self, keys: Iterable[Key]) -> list[Key]:
        """Sort keys."""
        fields = self.fields()
        return sorted(keys, key=lambda key: [f.rank(self.value(key, f)) for f in fields])

    def text(self, key: Key) -> str:
        """Return the values of a key that are not empty, as one text."""
        return " ".join(value for f in self.fields() if (value := self.value(key, f)))

    def varying(self, keys: Sequence[Key]) -> list[str]:
        """Return the names of fields in which keys differ."""
        return [f.name for f in self.fields() if len({self.value(key, f) for key in keys}) > 1]

    def _row(self, facts: Facts) -> list[str]:
        row = [""] * self._size
        for place, extract in self._steps:
            if place.index >= 0:
                row[place.index] = extract(facts)
            else:
                self._fill_group(place, facts, row)
        return row

    def _fill_group(self, group: Field, facts: Facts, row: list[str]) -> None:
        known = {f.name: f for f in group.fields}
        for name, value in facts.keys:
            place = known.get(name)
            if place is None:
                if name in self._siblings.config_keys:
                    continue
                # Values of a group's fields are not observed, so they order by their text.
                place = known[name] = self.add(name, group.order, group=group)
                row.append("")
            row[place.index] = value

    def _learn(self, row: list[str]) -> Key:
        size = len(row)
        while size and not row[size - 1]:
            size -= 1
        key = tuple(row[:size])
        if key not in self._known:
            self._known.add(key)
            for f in self.root:
                if f.index >= 0:
                    f.observed.setdefault(self.value(key, f), len(f.observed))
        return key


class Projections:
    """Parses projections that exclude each other, and knows what none of them covers."""

    def __init__(self) -> None:
        self.config_keys: set[str] = set()
        self.name_keys: list[str] = []
        self.filters: list[Filter] = []
        self._has_config = self._has_fullname = False

    def parse(self, text: str, *, option: str, with_unit: bool = False) -> Projection:
        """Parse a projection; `with_unit` adds the field `.unit`.

        Raises:
            UsageError: it is malformed; the message points at the place.
        """
        result, tokens, first = Projection(self), Tokens(text, option), True
        while tokens.peek().kind:
            if tokens.peek().kind == "," and not first:
                tokens.take()
            first = False
            self._field(result, tokens)
        if with_unit:
            result.unit_field = result.add(".unit", "first")
        return result

    def residue(self) -> Projection:
        """Return the projection of everything that no projection covers."""
        result = Projection(self)
        if not self._has_config:
            self._place(result, ".config", "first", [])
        if not self._has_fullname:
            self._place(result, ".fullname", "first", [])
        return result

    def _field(self, result: Projection, tokens: Tokens) -> None:
        key = tokens.take()
        if not key.is_word:
            raise tokens.fail("expected key", key.offset)
        order, fixed, at = "first", list[str](), key.offset
        if tokens.peek().kind == "@":
            tokens.take()
            word = tokens.take()
            at = word.offset
            if word.is_word:
                order = word.text
            elif word.kind == "(":
                order, fixed = "fixed", _fixed_order(tokens)
            else:
                raise tokens.fail("expected named sort order or parenthesized list", at)
        if order not in _ORDERS or (order == "fixed" and not fixed):
            raise tokens.fail(f'unknown order "{order}"', at)
        if key.text == ".config" and order == "fixed":
            raise tokens.fail("fixed order not allowed for .config", at)
        if key.text == ".unit":
            raise tokens.fail(".unit is only allowed in filters", key.offset)
        if not key.text:
            raise tokens.fail("key must not be empty", key.offset)
        self._place(result, key.text, order, fixed)

    def _place(self, result: Projection, key: str, order: str, fixed: list[str]) -> None:
        if key == ".config":
            self._has_config = True
            result.add_step(result.add_group(key, order), lambda _: "")
            return
        extract = extractor(key)
        if fixed:
            self.filters.append(lambda facts: extract(facts) in fixed)
        if key == ".fullname":
            self._has_fullname = True
            extract = self._full_name
        elif key == ".name" or key.startswith("/"):
            self.name_keys.append(key)
        else:
            self.config_keys.add(key)
        place = result.add(key, order)
        place.fixed = {value: i for i, value in enumerate(fixed)}
        result.add_step(place, extract)

    def _full_name(self, facts: Facts) -> str:
        return without_keys(facts.name, self.name_keys) if self.name_keys else facts.name


def _fixed_order(tokens: Tokens) -> list[str]:
    values: list[str] = []
    while True:
        token = tokens.peek()
        if token.is_word:
            values.append(token.text)
        elif token.kind != ")":
            raise tokens.fail("missing )")
        elif not values:
            raise tokens.fail("nothing to match")
        tokens.take()
        if token.kind == ")":
            return values
