from __future__ import annotations

import pytest

from whet.records import Record, fresh


class Point(Record):
    x: int
    y: int = 0
    names: list[str] = fresh(default_factory=list)


def test_fields_are_set_by_place_by_name_and_by_default() -> None:
    point = Point(1, names=["a"])
    assert (point.x, point.y, point.names) == (1, 0, ["a"])
    assert repr(point) == "Point(x=1, y=0, names=['a'])"


def test_defaults_that_can_change_are_not_shared() -> None:
    Point(1).names.append("a")
    assert Point(1).names == []


def test_records_are_equal_when_all_fields_are() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != (1, 2, [])


def test_a_changed_record_leaves_the_first_one_alone() -> None:
    point = Point(1)
    assert point.changed(y=5) == Point(1, 5)
    assert point.y == 0


@pytest.mark.parametrize("make", [Point, lambda: Point(1, 2, [], 3), lambda: Point(1, z=2)])
def test_wrong_fields_are_refused(make) -> None:
    with pytest.raises(TypeError):
        make()


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(TypeError, match="no field z"):
        Point(1).changed(z=2)
