"""`whet prof compare`: from two lists of sources to the text of their comparison.

Prints nothing; the exit status for CI is decided here, by `Outcome.regression`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from whet.analyze.profile.changes import Levels
from whet.analyze.profile.compare import Comparison, compare
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.report import prepare
from whet.analyze.profile.runs import Run, build_run
from whet.driver.sources import load_profiles
from whet.errors import UsageError

__all__ = ["DEFAULT_ROWS", "Outcome", "compare_sources"]

DEFAULT_ROWS = 40


@dataclass(slots=True)
class Outcome:
    """A finished comparison.

    Attributes:
        pieces: of the report.
        warnings: what to tell the user beside it.
        regression: the function that grew most and by how much, as text; '' where none grew
            as much as was asked for.
    """

    pieces: Iterable[bytes]
    warnings: list[str]
    regression: str


def compare_sources(
    old: Sequence[str],
    new: Sequence[str],
    config: Config,
    *,
    measure: str = "share",
    levels: Levels | None = None,
    limit: float | None = None,
) -> Outcome:
    """Compare the profiles of two lists of sources; `limit` is the growth that counts as regression.

    Raises:
        SourceError, FormatError: one cannot be read.
        UsageError: an option does not fit, or the profiles cannot be compared.
    """
    if config.granularity == "addresses":
        raise UsageError(
            "addresses of different runs cannot be compared",
            hint="use -functions, -filefunctions, -lines or -files",
        )
    warnings: dict[str, None] = {}
    runs: list[Run] = []
    for source in (*old, *new):
        run, found = _load(source, config)
        config = config if runs else config.changed(sample_index=run.sample_type)
        runs.append(run)
        warnings |= dict.fromkeys(found)
    comparison = compare(runs[: len(old)], runs[len(old) :], measure=measure, levels=levels)
    return Outcome(_pieces(comparison, config), list(warnings), _regression(comparison, limit))


def _load(source: str, config: Config) -> tuple[Run, list[str]]:
    profile, warnings = as_loaded(load_profiles([source]))
    report = prepare(profile, config, Defaults(trim=False))
    return build_run(report, source), warnings + report.warnings


def _pieces(comparison: Comparison, config: Config) -> Iterable[bytes]:
    nodes = _shown(comparison, config)
    if config.json:
        from whet.analyze.profile.compare_rows import comparison_record
        from whet.render.profile.json import encode_json

        return [encode_json(comparison_record(comparison, nodes))]
    from whet.render.profile.compare import render_comparison

    lines = render_comparison(comparison, nodes)
    return (line.rstrip().encode("utf-8", "surrogateescape") + b"\n" for line in lines)


def _shown(comparison: Comparison, config: Config) -> list[int]:
    """Choose rows: those that reach nodefraction on either side, nodecount at most; JSON has all."""
    order = comparison.order(cum_first=config.sort == "cum")
    if config.trim and not (config.json and config.nodecount < 0):
        largest = np.maximum(comparison.cum.old, comparison.cum.new)
        changed = comparison.verdicts() == 0
        order = [n for n in order if changed[n] or largest[n] >= config.nodefraction]
        limit = DEFAULT_ROWS if config.nodecount < 0 else config.nodecount
        order = order[:limit] if limit else order
    return order


def _regression(comparison: Comparison, limit: float | None) -> str:
    if limit is None:
        return ""
    node, growth = comparison.largest_regression()
    if node < 0 or growth < limit:
        return ""
    return f"{comparison.table.names[node]} grew by {100 * growth:.1f} % of the total"
