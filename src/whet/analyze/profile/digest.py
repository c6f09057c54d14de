"""The table of functions made from digests: what `report` and `graph` do, without NumPy.

Loading NumPy takes longer than everything else a report of an ordinary profile does. Where
digests do not say enough, `digest_report` returns None and the general way has to be taken;
where they do, both ways give the same report, also of several sources and of a difference:
what is not asked here is whether samples of different sources are the same. No formatting.
"""

from __future__ import annotations

from whet import kernels
from whet.analyze.profile.config import Config, Defaults, with_defaults
from whet.analyze.profile.header import Facts, Header, header_of
from whet.analyze.profile.names import name_parts, simplified_name, sort_key
from whet.analyze.profile.order import common_unit, ordered
from whet.analyze.profile.sample_index import index_of
from whet.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from whet.kernels.reference import Digest, NodeSums

__all__ = ["DigestReport", "DigestTable", "digest_report", "stays_as_it_is", "suits"]

# The options a digest can honour; every other one must have its default value.
_OPTIONS = (
    "sample_index", "unit", "sort", "nodecount", "nodefraction", "edgefraction", "trim", "output",
)  # fmt: skip
_LARGEST = (1 << 63) - 1


class DigestTable(Record):
    """Functions worth showing, in order; see `graph.Graph` for the attributes."""

    sums: NodeSums
    flat: dict[int, int]
    cum: dict[int, int]
    order: list[int]
    node_count: int
    dropped: int
    edge_cutoff: int
    trimmed: bool
    has_inlines: bool

    @property
    def shown(self) -> int:
        """Sum of the flat values of the rows, wrapping like an int64."""
        return (sum(self.flat[node] for node in self.order) + _LARGEST + 1) % (1 << 64) - _LARGEST - 1

    @property
    def shown_sum(self) -> int:
        """The same: sums are never divided here."""
        return self.shown

    def flat_value(self, node: int) -> int:
        """Return the node's own value."""
        return self.flat[node]

    def cum_value(self, node: int) -> int:
        """Return the node's cumulative value."""
        return self.cum[node]

    def name(self, node: int) -> str:
        """Return a node's name as reports print it."""
        name, object_file, _ = self.sums.node(node)
        return " ".join(name_parts(_text(name), object_file=_text(object_file)))

    def inlined(self) -> dict[int, tuple[bool, bool]]:
        """Tell for each node whether calls of it were inlined, and whether calls were not."""
        result: dict[int, tuple[bool, bool]] = {}
        if not self.has_inlines:
            return result
        for callee, inline in self.sums.calls(self.order, self.trimmed, self.edge_cutoff):
            inlined, called = result.get(callee, (False, False))
            result[callee] = (inlined or inline, called or not inline)
        return result


class DigestReport(Record):
    """A digest ready to be reported; see `report.Report`."""

    config: Config
    header: Header
    table: DigestTable
    divisor: int = 0

    def scaled(self, value: int) -> int:
        """Return the value: it is never divided here."""
        return value

    @property
    def total(self) -> int:
        """The value that shares are shares of."""
        return self.header.total


def suits(config: Config) -> bool:
    """Tell whether a digest knows enough for these options."""
    default = Config()
    return config.changed(**{name: getattr(default, name) for name in _OPTIONS}) == default


def stays_as_it_is(facts: dict[str, Any]) -> bool:
    """Tell whether loading a profile changes nothing of it (see `load.as_loaded`)."""
    is_whole = facts["sample_type"] and facts["mappings"] and not facts["nameless"]
    return bool(is_whole) and not _asks_for_more(facts)


def digest_report(
    sources: Sequence[Digest], base: Sequence[Digest], config: Config, defaults: Defaults
) -> DigestReport | None:
    """Return the table of functions, or None where the profiles ask for more than digests know.

    The values of `base` are subtracted, and shares are shares of it.

    Raises:
        FormatError: samples are malformed or inconsistent.
        UsageError: the value column does not exist.
    """
    digests = [*sources, *base]
    facts = [digest.facts() for digest in digests]
    if not _are_alike(facts) or any(map(_asks_for_more, facts)):
        return None
    config = with_defaults(config, defaults)
    about = _facts(facts[0]) if len(facts) == 1 else _facts_of_all(list(map(_facts, facts)))
    default = next((f["default_sample_type"] for f in facts if f["default_sample_type"]), b"")
    names = [kind for kind, _ in about.sample_types]
    index = index_of(names, _text(default), config.sample_index)
    sums = kernels.node_sums(digests, [False] * len(sources) + [True] * len(base), index)
    total = _total(sums, len(sources))
    if total is None or b"pprof::base" in sums.label_keys:
        return None
    table = _table(sums, config, has_inlines=any(digest.has_inlines for digest in digests))
    header = header_of(about, config, index=index, total=total)
    if config.unit == "minimum" and table.order:
        values = [(table.flat[node], table.cum[node]) for node in table.order]
        config = config.changed(unit=common_unit(values, total, header.sample_unit))
    return DigestReport(config, header, table)


def _asks_for_more(facts: dict[str, Any]) -> bool:
    """Tell whether places need names, frames must be dropped or names made simpler."""
    if facts["drop_frames"] or facts["bare"]:
        return True
    return any(simplified_name(name) != name for name in map(_text, facts["linker_names"]))


def _are_alike(facts: Sequence[dict[str, Any]]) -> bool:
    """Tell whether values can be added as they are."""
    kinds = [(f["sample_type"], f["period_type"] or (b"", b"")) for f in facts]
    return all(kind == kinds[0] for kind in kinds)


def _total(sums: NodeSums, sources: int) -> int | None:
    """Return what shares are shares of: the base, or everything where there is none.

    Merging unites samples and nodes without a name by rules that digests do not know; None
    where they would matter.
    """
    if len(sums.totals) == 1:
        return sums.totals[0][0]
    if sums.has_nameless or not all(adds_up for _, adds_up in sums.totals):
        return None
    magnitudes = [magnitude for magnitude, _ in sums.totals]
    return sum(magnitudes[sources:]) or sum(magnitudes[:sources])


def _table(sums: NodeSums, config: Config, *, has_inlines: bool) -> DigestTable:
    total = float(sums.flat_total)
    rows = sums.rows(min(abs(int(total * config.nodefraction)), _LARGEST))
    present = sums.present
    first, second = (2, 1) if config.sort == "cum" else (1, 2)
    order = ordered(
        [row[0] for row in rows],
        [_magnitude(row[first]) for row in rows],
        [_magnitude(row[second]) for row in rows],
        lambda node: _sort_key(sums, node),
        config.nodecount,
    )
    return DigestTable(
        sums,
        flat={node: flat for node, flat, _ in rows},
        cum={node: cum for node, _, cum in rows},
        order=order,
        node_count=len(rows),
        dropped=present - len(rows),
        edge_cutoff=min(abs(int(total * config.edgefraction)), _LARGEST),
        trimmed=len(order) < present,
        has_inlines=has_inlines,
    )


def _magnitude(value: int) -> int:
    """Return |value| in 64 bits: the smallest integer has none."""
    return abs(value) if value >= -_LARGEST else value


def _sort_key(sums: NodeSums, node: int) -> tuple[bytes, bytes]:
    name, object_file, start_line = sums.node(node)
    return sort_key(_text(name), start_line=start_line, object_file=_text(object_file))


def _facts(facts: dict[str, Any]) -> Facts:
    period_type = facts["period_type"]
    return Facts(
        sample_types=[(_text(kind), _text(unit)) for kind, unit in facts["sample_type"]],
        comments=[_text(comment) for comment in facts["comments"]],
        period_type=period_type and (_text(period_type[0]), _text(period_type[1])),
        file=_text(facts["file"]),
        build_id=_text(facts["build_id"]),
        doc_url=_text(facts["doc_url"]),
        time_nanos=facts["time_nanos"],
        duration_nanos=facts["duration_nanos"],
        samples=facts["samples"],
        period=facts["period"],
    )


def _facts_of_all(parts: Sequence[Facts]) -> Facts:
    """Return what merging the profiles makes of their facts (see `model.merge`)."""
    duration_nanos = sum(part.duration_nanos for part in parts)
    return parts[0].changed(
        comments=list(dict.fromkeys(comment for part in parts for comment in part.comments)),
        doc_url=next((part.doc_url for part in parts if part.doc_url), ""),
        time_nanos=min((part.time_nanos for part in parts if part.time_nanos), default=0),
        duration_nanos=(duration_nanos + _LARGEST + 1) % (1 << 64) - _LARGEST - 1,
        samples=sum(part.samples for part in parts),
        period=max((part.period for part in parts if part.period), default=0),
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
