"""Profiles written in other tools' formats: the rows that `whet prof` adds to its reports.

Each row encodes the filtered profile of a report; formats with one value a stack take the
sample type that the report is about. Prints nothing, opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.analyze.profile.report import Report

__all__ = ["EXPORTS", "EXPORT_NAMES", "FORMAT_ALIASES"]


def _collapsed(report: Report) -> bytes:
    from whet.formats import collapsed

    return collapsed.encode(report.profile, report.index)


def _speedscope(report: Report) -> bytes:
    from whet.formats import speedscope

    return speedscope.encode(report.profile, report.index)


def _firefox(report: Report) -> bytes:
    from whet.formats import firefox

    return firefox.encode(report.profile, report.index)


EXPORTS: dict[str, tuple[Callable[[Report], bytes], str]] = {
    "collapsed": (_collapsed, "collapsed stacks, `root;caller;leaf VALUE` a line"),
    "speedscope": (_speedscope, "JSON for speedscope.app, all sample types"),
    "firefox": (_firefox, "JSON for profiler.firefox.com"),
}

# The reports that are files of other tools.
EXPORT_NAMES = (*EXPORTS, "proto", "callgrind", "csv")

# What --format takes beside these.
FORMAT_ALIASES = {"pprof": "proto", "folded": "collapsed"}
