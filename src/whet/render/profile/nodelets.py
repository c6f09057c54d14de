"""The small boxes for labels in a drawing: which ones, and numbers put into ranges.

Order and grouping: pprof's `SortTags` and `collapsedTags`.
"""

from __future__ import annotations

from collections.abc import Iterable

from whet import units
from whet.analyze.profile.callgraph import MAX_NODELETS
from whet.analyze.profile.means import quotient
from whet.analyze.profile.tags import Tag

__all__ = ["collapsed", "sorted_tags"]


def sorted_tags(tags: Iterable[Tag], *, flat: bool) -> list[Tag]:
    """Return tags by value, largest first, equal ones by name."""

    def key(tag: Tag) -> tuple[int, int, bytes]:
        cum = 0 if flat else -abs(tag.cum)
        return cum, -abs(tag.flat), tag.name.encode("utf-8", "surrogateescape")

    return sorted(tags, key=key)


def collapsed(tags: Iterable[Tag], *, flat: bool) -> list[Tag]:
    """Return numbers, put into a few ranges where they are many."""
    ordered = sorted_tags(tags, flat=flat)
    if len(ordered) <= MAX_NODELETS:
        return ordered
    groups = [[tag] for tag in ordered[:MAX_NODELETS]]
    for tag in ordered[MAX_NODELETS:]:
        min(groups, key=lambda group: _distance(tag, group[0])).append(tag)
    return sorted_tags([_united(group) for group in groups], flat=flat)


def _distance(tag: Tag, other: Tag) -> float:
    return abs(units.scale(other.value, other.unit, tag.unit)[0] - float(tag.value))


def _united(group: list[Tag]) -> Tag:
    """Return one tag for several; its sums are means already."""
    first = group[0]
    if len(group) == 1:
        name = units.format_value(first.value, first.unit)
        return Tag(name, (name,), flat=first.flat_value, cum=first.cum_value)
    least = greatest = first
    for tag in group[1:]:
        if int(units.scale(tag.value, tag.unit, least.unit)[0]) < least.value:
            least = tag
        if int(units.scale(tag.value, tag.unit, greatest.unit)[0]) > greatest.value:
            greatest = tag
    name = "..".join(units.format_value(tag.value, tag.unit) for tag in (least, greatest))
    flat = quotient(sum(t.flat for t in group), sum(t.flat_divisor for t in group))
    cum = quotient(sum(t.cum for t in group), sum(t.cum_divisor for t in group))
    return Tag(name, (name,), flat=flat, cum=cum)
