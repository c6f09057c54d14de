"""What filters and projections ask of a result: its name, its keys, its units.

Results that agree in these are one `Facts`, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from whet.analyze.stat.names import base_name, name_key
from whet.model.result import Configuration

__all__ = ["Extract", "Facts", "UnitName", "extractor"]


@dataclass(frozen=True, slots=True)
class UnitName:
    """A unit by the name that tables have and by the one in the input ('' where they agree)."""

    tidied: str
    written: str


@dataclass(slots=True)
class Facts:
    """A result without its numbers; it is not changed.

    Attributes:
        name: in full.
        file: the label of its input.
        keys: file configuration in the order of the reader.
        configuration: the same, with `.file`, to look up.
        units: of its values.
        setting: a number that results share which agree in file and configuration.
    """

    name: str
    file: str
    keys: Configuration
    configuration: dict[str, str]
    units: tuple[UnitName, ...]
    setting: int = -1


Extract = Callable[[Facts], str]


def extractor(key: str) -> Extract:
    """Return what takes a key's value out of a result; '' where it has none.

    Raises:
        ValueError: the key is empty.
    """
    if not key:
        raise ValueError("key must not be empty")
    if key == ".name":
        return lambda facts: base_name(facts.name)
    if key == ".fullname":
        return lambda facts: facts.name
    if key.startswith("/"):
        return lambda facts: name_key(facts.name, key)
    return lambda facts: facts.configuration.get(key, "")
