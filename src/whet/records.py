"""Plain records for modules that a short command loads.

`class Point(Record): x: int; y: int = 0` has what a dataclass has: a constructor of its fields in
order, equality and a readable form. It costs next to nothing to define: loading `dataclasses` and
having it write code for a dozen classes takes longer than a small profile's report. Fields are
those of the class itself, not of its bases; a default that must be made anew is a `Fresh`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, dataclass_transform
else:

    def dataclass_transform(**_):
        """Stand in for the hint that type checkers need."""
        return lambda cls: cls


__all__ = ["Record", "fresh"]


class Fresh:
    """A default that is made for each record."""

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


def fresh(*, default_factory: Callable[[], Any]) -> Any:
    """Give a field a default that is made for each record."""
    return Fresh(default_factory)


@dataclass_transform(field_specifiers=(fresh,))
class Record:
    """Base of records; see the module."""

    def __init__(self, *values: object, **named: object) -> None:
        cls = type(self)
        fields = cls.fields()
        if len(values) > len(fields):
            raise TypeError(f"{cls.__name__} has {len(fields)} fields, not {len(values)}")
        given = {**dict(zip(fields, values, strict=False)), **named}
        for name in fields:
            if name in given:
                value = given.pop(name)
            elif hasattr(cls, name):
                value = getattr(cls, name)
                if isinstance(value, Fresh):
                    value = value.make()
            else:
                raise TypeError(f"{cls.__name__} needs {name}")
            setattr(self, name, value)
        if given:
            raise TypeError(f"{cls.__name__} has no field {', '.join(given)}")

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the names of the fields, in order."""
        return tuple(cls.__annotations__)

    def changed(self, **changes: object) -> Self:
        """Return a copy in which some fields are different."""
        return type(self)(**{**self.__dict__, **changes})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields())
        return f"{type(self).__name__}({values})"
