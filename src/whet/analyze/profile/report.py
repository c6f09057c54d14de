"""A report prepared: options resolved, value column chosen, total taken, filters applied.

The order is pprof's and matters: the total is that of the whole profile, filters come
after it, and rows are shares of that total.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.config import Config, Defaults, with_defaults
from whet.analyze.profile.graph import Graph, build_graph
from whet.analyze.profile.header import FILTERS, Header, build_header
from whet.analyze.profile.intervals import Intervals, build_intervals
from whet.analyze.profile.labels import number_units
from whet.analyze.profile.means import quotient
from whet.analyze.profile.nodes import Nodes, build_nodes
from whet.analyze.profile.order import common_unit
from whet.analyze.profile.paths import trimmed_path
from whet.analyze.profile.select import without_inlines
from whet.analyze.profile.values import choose_sample_index, total_value
from whet.errors import UsageError
from whet.model.profile import Profile

__all__ = ["Report", "prepare", "report_graph"]


@dataclass
class Report:
    """A profile ready to be reported.

    Attributes:
        source: the profile as it was given.
        whole: the one that shares are shares of.
        profile: after filtering.
        index: the value column.
        total: of `whole`; with `mean`, divided by that of the first column.
        divisor: that total of the first column, 0 without `mean`.
    """

    source: Profile
    whole: Profile
    profile: Profile
    config: Config
    header: Header
    index: int
    divisor: int
    warnings: list[str]

    @property
    def total(self) -> int:
        """The value that shares are shares of."""
        return self.header.total

    @property
    def values(self) -> npt.NDArray[np.int64]:
        """The reported value of each sample."""
        return np.ascontiguousarray(self.profile.samples.values[:, self.index])

    @property
    def divisors(self) -> npt.NDArray[np.int64] | None:
        """What means divide the value of each sample by, None where none were asked for."""
        return np.ascontiguousarray(self.profile.samples.values[:, 0]) if self.config.mean else None

    def sample_values(self) -> list[int]:
        """Return the value of each sample, divided where means are asked for."""
        values: list[int] = self.values.tolist()
        divisors = self.divisors
        if divisors is None:
            return values
        return [quotient(value, divisor) for value, divisor in zip(values, divisors.tolist(), strict=True)]

    @cached_property
    def key_units(self) -> dict[str, str]:
        """The unit of each numeric label key."""
        return number_units(self.source)[0]

    @property
    def ratio(self) -> float:
        """What every value is multiplied by before it is shown."""
        return 1.0 / self.config.divide_by

    def scaled(self, value: int) -> int:
        """Return a value divided as `divide_by` says."""
        ratio = self.ratio
        return int(float(value) * ratio) if ratio > 0 and ratio != 1 else value

    def divided_profile(self) -> Profile:
        """Return the filtered profile with all values divided as `divide_by` says."""
        ratio, samples = self.ratio, self.profile.samples
        if ratio <= 0 or ratio == 1:
            return self.profile
        values = (samples.values.astype(np.float64) * ratio).astype(np.int64)
        return replace(self.profile, samples=replace(samples, values=values))

    def choose_unit(self, values: Iterable[tuple[int, int]], *, integers: bool = False) -> None:
        """Fix the unit that all values are shown in, given (flat, cum) of all rows.

        One unit is chosen in which both the smallest row and the total can be read; a
        hundredth is still readable with two decimals, but not where `integers` are written.
        """
        shown = list(values)
        if self.config.unit != "minimum" or not shown:
            return
        unit = common_unit(
            shown, self.total, self.header.sample_unit, decimals=not integers, scaled=self.scaled
        )
        self.config = self.config.changed(unit=unit)

    def nodes(self, *, object_names: bool = False) -> Nodes:
        """Group the frames of the filtered profile as the options say."""
        config = self.config
        return build_nodes(
            self.profile,
            config.granularity,
            object_names=object_names,
            columns=config.showcolumns,
            trim=lambda path: trimmed_path(path, config.trim_path, config.source_path),
        )

    def intervals(self) -> Intervals:
        """Return what shares of the total rest upon."""
        if self.config.mean or self.config.relative_percentages:
            option = "mean" if self.config.mean else "relative_percentages"
            return Intervals(self.total, None, 0.0, f"-{option} was asked for, so no intervals")
        return build_intervals(self.whole, self.index, self.total)


def prepare(profile: Profile, config: Config, defaults: Defaults) -> Report:
    """Choose, count and filter.

    Raises:
        UsageError: a value column, an expression or a divisor is not usable.
    """
    config = with_defaults(config, defaults)
    if config.divide_by == 0:
        raise UsageError("divide_by is zero", hint="values are divided by it")
    source, warnings = profile, list[str]()
    if config.tagroot or config.tagleaf:
        from whet.analyze.profile.tagframes import add_tag_frames

        profile, warnings = add_tag_frames(profile, config.tagroot, config.tagleaf, config.unit)
    filtered, unmatched = _filtered(source, profile, config)
    whole = filtered if config.relative_percentages else profile
    index = choose_sample_index(whole, config.sample_index)
    total, divisor = total_value(whole, index, mean=config.mean)
    header = build_header(whole, config, index=index, total=total)
    if config.noinlines:
        filtered = without_inlines(filtered, columns=config.showcolumns)
    return Report(source, whole, filtered, config, header, index, divisor, warnings + unmatched)


def _filtered(source: Profile, profile: Profile, config: Config) -> tuple[Profile, list[str]]:
    if not (config.prune_from or any(getattr(config, name) for name in FILTERS)):
        return profile, []
    # Expressions cost start-up time, and most reports have none.
    from whet.analyze.profile.filters import apply_filters

    units_needed = config.tagfocus or config.tagignore
    return apply_filters(profile, config, number_units(source)[0] if units_needed else {})


def report_graph(report: Report) -> Graph:
    """Build the trimmed graph, and fix the unit all its values are shown in."""
    graph = build_graph(report.profile, report.nodes(), report.values, report.config, report.divisors)
    report.choose_unit((graph.flat_value(node), graph.cum_value(node)) for node in graph.order)
    return graph
