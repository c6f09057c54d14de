"""The table of functions made from a digest: what `report` and `graph` do, without NumPy.

Loading NumPy takes longer than everything else a report of an ordinary profile does. Where
a digest does not say enough, `digest_report` returns None and the general way has to be taken;
where it does, both ways give the same report. No formatting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from whet.analyze.profile.config import Config, Defaults, with_defaults
from whet.analyze.profile.header import Facts, Header, header_of
from whet.analyze.profile.names import name_parts, simplified_name, sort_key
from whet.analyze.profile.order import common_unit, ordered
from whet.analyze.profile.sample_index import index_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from whet.kernels.reference import Digest

__all__ = ["DigestReport", "DigestTable", "digest_report", "suits"]

# The options a digest can honour; every other one must have its default value.
_OPTIONS = (
    "sample_index", "unit", "sort", "nodecount", "nodefraction", "edgefraction", "trim", "output",
)  # fmt: skip
_LARGEST = (1 << 63) - 1


@dataclass(slots=True)
class DigestTable:
    """Functions worth showing, in order; see `graph.Graph` for the attributes."""

    digest: Digest
    flat: dict[int, int]
    cum: dict[int, int]
    order: list[int]
    node_count: int
    dropped: int
    edge_cutoff: int
    trimmed: bool

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
        name, object_file, _ = self.digest.node(node)
        return " ".join(name_parts(_text(name), object_file=_text(object_file)))

    def inlined(self) -> dict[int, tuple[bool, bool]]:
        """Tell for each node whether calls of it were inlined, and whether calls were not."""
        result: dict[int, tuple[bool, bool]] = {}
        if not self.digest.has_inlines:
            return result
        for callee, inline in self.digest.calls(self.order, self.trimmed, self.edge_cutoff):
            inlined, called = result.get(callee, (False, False))
            result[callee] = (inlined or inline, called or not inline)
        return result


@dataclass(slots=True)
class DigestReport:
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
    return replace(config, **{name: getattr(default, name) for name in _OPTIONS}) == default


def digest_report(digest: Digest, config: Config, defaults: Defaults) -> DigestReport | None:
    """Return the table of functions, or None where the profile asks for more than a digest knows.

    Raises:
        UsageError: the value column does not exist.
    """
    facts = digest.facts()
    if _asks_for_more(facts):
        return None
    config = with_defaults(config, defaults)
    about = _facts(facts)
    names = [kind for kind, _ in about.sample_types]
    index = index_of(names, _text(facts["default_sample_type"]), config.sample_index)
    total, flat_total, present = digest.sum(index)
    table = _table(digest, config, flat_total, present)
    header = header_of(about, config, index=index, total=total)
    if config.unit == "minimum" and table.order:
        values = [(table.flat[node], table.cum[node]) for node in table.order]
        config = replace(config, unit=common_unit(values, total, header.sample_unit))
    return DigestReport(config, header, table)


def _asks_for_more(facts: dict[str, Any]) -> bool:
    """Tell whether frames must be dropped, samples told apart or names made simpler."""
    if facts["drop_frames"] or b"pprof::base" in facts["label_keys"]:
        return True
    return any(simplified_name(name) != name for name in map(_text, facts["linker_names"]))


def _table(digest: Digest, config: Config, flat_total: int, present: int) -> DigestTable:
    total = float(flat_total)
    rows = digest.rows(min(abs(int(total * config.nodefraction)), _LARGEST))
    first, second = (2, 1) if config.sort == "cum" else (1, 2)
    order = ordered(
        [row[0] for row in rows],
        [_magnitude(row[first]) for row in rows],
        [_magnitude(row[second]) for row in rows],
        lambda node: _sort_key(digest, node),
        config.nodecount,
    )
    return DigestTable(
        digest,
        flat={node: flat for node, flat, _ in rows},
        cum={node: cum for node, _, cum in rows},
        order=order,
        node_count=len(rows),
        dropped=present - len(rows),
        edge_cutoff=min(abs(int(total * config.edgefraction)), _LARGEST),
        trimmed=len(order) < present,
    )


def _magnitude(value: int) -> int:
    """Return |value| in 64 bits: the smallest integer has none."""
    return abs(value) if value >= -_LARGEST else value


def _sort_key(digest: Digest, node: int) -> tuple[bytes, bytes]:
    name, object_file, start_line = digest.node(node)
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


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
