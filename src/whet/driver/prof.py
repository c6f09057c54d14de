"""`whet prof`: from sources and options to the text of a report.

A report is a row of `REPORTS`: how it changes the options, whether it needs a regular
expression, and the function that writes it. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from whet.analyze.profile.config import Config, Defaults
from whet.driver.exports import EXPORTS
from whet.driver.request import Request
from whet.driver.sources import SourceReader, copy_profile, digest_profile
from whet.errors import UsageError, WhetError
from whet.records import Record

# The command line asks for the table below before it knows whether it needs NumPy.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.analyze.profile.disasm import Disassembly
    from whet.analyze.profile.graph import Graph
    from whet.analyze.profile.report import Report
    from whet.analyze.profile.speedup import Speedup
    from whet.analyze.profile.weblist import AnnotatedFunction
    from whet.model.profile import Profile

__all__ = ["REPORTS", "Kind", "Output", "make_quick_report", "make_report"]

Lines = Iterable[str]


class Kind(Record):
    """A kind of report.

    Attributes:
        write: the function that yields its lines.
        help: one line.
        defaults: what it changes in the options.
        takes_regex: whether it is about functions matching an expression.
        rows: the function that makes its JSON rows, where it has rows.
        binary: its output is a file's content.
        encode: the function that makes the output as one piece, where it is not lines.
        viewer: the program that shows the output unless it goes to a file, a row of
            `graphviz.VIEWERS`.
    """

    write: Callable[[Report, str], Lines]
    help: str
    defaults: Defaults
    takes_regex: bool = False
    rows: Callable[[Report, str], object] | None = None
    binary: bool = False
    encode: Callable[[Report], bytes] | None = None
    viewer: str = ""


class Output(Record):
    """A finished report: its pieces, and what to tell the user beside it."""

    pieces: Iterable[bytes]
    warnings: list[str]
    binary: bool


def make_report(profile: Profile, command: str, regex: str, config: Config) -> Output:
    """Make a report of a profile that `load_request` has prepared.

    Raises:
        UsageError: an option does not fit the profile, or the expression matches nothing.
    """
    kind = REPORTS[command]
    if config.speedup and kind.write is not _top:
        raise UsageError(f"{command} does not know speedups", hint="--speedup goes with top")
    from whet.analyze.profile.report import prepare

    report = prepare(profile, config, kind.defaults)
    warnings = report.warnings
    if kind.encode is not None and not config.json:
        return Output([kind.encode(report)], warnings, binary=kind.binary)
    if config.json:
        return Output([_json(command, kind, report, regex)], warnings, binary=False)
    return Output(_encoded(kind.write(report, regex)), warnings, binary=False)


# Digests keep the text of all samples; more sources are better merged one after the other.
_MOST_DIGESTS = 4


def make_quick_report(request: Request, command: str, config: Config) -> Output | None:
    """Make a report without NumPy if that is possible: the same one as `make_report`, sooner.

    Returns None where it is not, and for everything that is wrong: the general way says what.
    """
    plain = Request(sources=request.sources, diff_base=request.diff_base)
    if request != plain or not 0 < len(request.sources) + len(request.diff_base) <= _MOST_DIGESTS:
        return None
    if command in ("top", "text"):
        return _quick_top(request, command, config)
    if command == "proto" and len(request.sources) == 1 and not request.diff_base:
        return _quick_copy(request.sources[0], config)
    return None


def _quick_copy(source: str, config: Config) -> Output | None:
    if config.changed(output="") != Config():
        return None
    try:
        copy = copy_profile(source)
    except (OSError, WhetError):
        return None
    return None if copy is None else Output(copy, [], binary=True)


def _quick_top(request: Request, command: str, config: Config) -> Output | None:
    from whet.analyze.profile.digest import digest_report, suits

    if not suits(config):
        return None
    try:
        sources = [digest_profile(source) for source in request.sources]
        base = [digest_profile(source) for source in request.diff_base]
        report = digest_report(sources, base, config, REPORTS[command].defaults)
    except (OSError, WhetError):
        return None
    if report is None:
        return None
    from whet.render.profile.top import render_top

    return Output(_encoded(render_top(report, report.table)), [], binary=False)


def _graph(report: Report) -> Graph:
    from whet.analyze.profile.report import report_graph

    return report_graph(report)


def _encoded(lines: Lines) -> Iterable[bytes]:
    return (line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)


def _json(command: str, kind: Kind, report: Report, regex: str) -> bytes:
    if kind.rows is None:
        raise UsageError(f"{command} has no rows, so no --json", hint="every other report has them")
    from whet.render.profile.json import encode_json

    return encode_json(kind.rows(report, regex))


def _top(report: Report, _: str) -> Lines:
    from whet.analyze.profile.difference import node_intervals
    from whet.render.profile.top import render_top

    graph = _graph(report)
    intervals = node_intervals(report, graph) if report.config.ci else None
    return render_top(report, graph, intervals, _speedups(report))


def _speedups(report: Report) -> list[Speedup]:
    if not report.config.speedup:
        return []
    from whet.analyze.profile.speedup import build_speedups

    return build_speedups(report)


def _tree(report: Report, _: str) -> Lines:
    from whet.render.profile.tree import render_tree

    return render_tree(report, _graph(report))


def _peek(report: Report, regex: str) -> Lines:
    from whet.analyze.profile.peek import choose_nodes
    from whet.render.profile.tree import render_tree

    graph = _graph(report)
    return render_tree(report, graph, choose_nodes(graph, regex))


def _list(report: Report, regex: str) -> Lines:
    from whet.analyze.profile.listing import build_listing
    from whet.render.profile.listing import render_listing

    listing = build_listing(report, regex)
    return render_listing(
        report, listing, SourceReader(report.config.source_path, report.config.trim_path).lines
    )


def _traces(report: Report, _: str) -> Lines:
    from whet.analyze.profile.nodes import build_nodes
    from whet.render.profile.traces import render_traces

    config = report.config
    nodes = build_nodes(report.profile, config.granularity, columns=config.showcolumns, trim=None)
    return render_traces(report, nodes, report.key_units)


def _picture(kind: str) -> Callable[[Report], bytes]:
    def encode(report: Report) -> bytes:
        from whet.driver.graphviz import draw

        return draw(_dot(report, ""), kind)

    return encode


def _shown(write: Callable[[Report, str], Lines]) -> Callable[[Report], bytes]:
    return lambda report: b"".join(_encoded(write(report, "")))


def _disassembly(report: Report, regex: str) -> list[Disassembly]:
    from whet.analyze.profile.disasm import build_disassembly
    from whet.driver.binaries import Binaries

    binaries = Binaries(report.profile, report.config)
    try:
        return build_disassembly(report, regex, binaries.open, binaries.disassemble)
    except UsageError as error:
        raise binaries.explained(error) from None
    finally:
        report.warnings += binaries.warnings


def _annotated(report: Report, regex: str) -> list[AnnotatedFunction]:
    from whet.driver.weblist import annotated_functions

    found, warnings = annotated_functions(report, regex)
    report.warnings += warnings
    return found


def _weblist(report: Report, regex: str) -> Lines:
    from whet.render.profile.weblist import render_weblist

    return render_weblist(report, regex, _annotated(report, regex))


def _weblist_rows(report: Report, regex: str) -> object:
    from whet.analyze.profile.code_rows import weblist_rows

    return weblist_rows(report, _annotated(report, regex))


def _disasm(report: Report, regex: str) -> Lines:
    from whet.render.profile.disasm import render_disassembly

    return render_disassembly(report, _disassembly(report, regex))


def _disasm_rows(report: Report, regex: str) -> object:
    from whet.analyze.profile.code_rows import disassembly_rows

    return disassembly_rows(report, _disassembly(report, regex))


def _svg(report: Report, _: str) -> Lines:
    if report.config.graphviz:
        return _picture("svg")(report).decode().splitlines()
    from whet.analyze.profile.callgraph import drawn_call_graph
    from whet.render.profile.graph_svg import render_graph_svg

    return render_graph_svg(report, drawn_call_graph(report))


def _raw(report: Report, _: str) -> Lines:
    from whet.render.profile.raw import render_raw

    return render_raw(report.profile)


def _tags(report: Report, _: str) -> Lines:
    from whet.analyze.profile.tags import key_values
    from whet.render.profile.tags import render_tags

    return render_tags(report, key_values(report))


def _dot(report: Report, _: str) -> Lines:
    from whet.analyze.profile.callgraph import drawn_call_graph
    from whet.render.profile.dot import render_dot

    return render_dot(report, drawn_call_graph(report))


def _callgrind(report: Report, _: str) -> Lines:
    from whet.analyze.profile.callgraph import build_call_graph
    from whet.render.profile.callgrind import render_callgrind

    graph = build_call_graph(report, visual=False, object_names=True)
    report.choose_unit(((v.flat_value, v.cum_value) for v in graph.vertices), integers=True)
    return render_callgrind(report, graph)


def _proto(report: Report) -> bytes:
    from whet.formats import pprof

    return pprof.encode(report.divided_profile())


def _topproto(report: Report) -> bytes:
    from whet.analyze.profile.topproto import top_profile
    from whet.formats import pprof

    return pprof.encode(top_profile(report, _graph(report)))


def _comments(report: Report, _: str) -> Lines:
    return report.profile.comment_texts()


def _csv(report: Report, _: str) -> Lines:
    from whet.analyze.profile.rows import node_rows
    from whet.render.profile.csv import render_csv

    return render_csv(node_rows(report)["rows"])


def _no_lines(_report: Report, _regex: str) -> Lines:
    return ()


def _node_rows(report: Report, regex: str) -> object:
    from whet.analyze.profile.rows import node_rows

    return node_rows(report, regex, _speedups(report))


def _call_rows(report: Report, regex: str) -> object:
    from whet.analyze.profile.rows import call_rows

    return call_rows(report, regex)


def _listing_rows(report: Report, regex: str) -> object:
    from whet.analyze.profile.rows import listing_rows

    return listing_rows(report, regex)


def _graph_rows(report: Report, _: str) -> object:
    from whet.analyze.profile.graph_rows import graph_rows

    return graph_rows(report)


def _full_graph_rows(report: Report, _: str) -> object:
    from whet.analyze.profile.graph_rows import graph_rows

    return graph_rows(report, visual=False)


def _comment_rows(report: Report, _: str) -> object:
    from whet.analyze.profile.rows import comment_rows

    return comment_rows(report)


def _sample_rows(report: Report, _: str) -> object:
    from whet.analyze.profile.rows import sample_rows

    return sample_rows(report)


def _tag_rows(report: Report, _: str) -> object:
    from whet.analyze.profile.rows import tag_rows

    return tag_rows(report)


_WHOLE = Defaults(trim=False, granularity="addresses")

REPORTS: dict[str, Kind] = {
    "top": Kind(_top, "table of functions, biggest first", Defaults(nodecount=0), rows=_node_rows),
    "text": Kind(_top, "the same as top", Defaults(nodecount=0), rows=_node_rows),
    "tree": Kind(_tree, "every function with its callers and callees", Defaults(), rows=_call_rows),
    "peek": Kind(
        _peek, "callers and callees of functions matching REGEX", Defaults(trim=False),
        takes_regex=True, rows=_call_rows,
    ),
    "list": Kind(
        _list, "source lines of functions matching REGEX",
        Defaults(trim=False, granularity="lines"), takes_regex=True, rows=_listing_rows,
    ),
    "traces": Kind(_traces, "every sample with its labels and stack", Defaults(), rows=_sample_rows),
    "svg": Kind(_svg, "the call graph as a picture", Defaults(), rows=_graph_rows),
    **{
        kind: Kind(
            _no_lines, f"the call graph as {kind}, by graphviz", Defaults(), rows=_graph_rows,
            binary=kind != "ps", encode=_picture(kind),
        )
        for kind in ("png", "gif", "jpg", "pdf", "ps")
    },
    "web": Kind(
        _no_lines, "svg, in the browser", Defaults(), rows=_graph_rows, encode=_shown(_svg), viewer="web"
    ),
    "eog": Kind(
        _no_lines, "svg, in eog", Defaults(), rows=_graph_rows, encode=_shown(_svg), viewer="eog"
    ),
    "evince": Kind(
        _no_lines, "pdf, in evince", Defaults(), rows=_graph_rows, binary=True, encode=_picture("pdf"),
        viewer="evince",
    ),
    "gv": Kind(_no_lines, "ps, in gv", Defaults(), rows=_graph_rows, encode=_picture("ps"), viewer="gv"),
    "raw": Kind(_raw, "the profile's tables as text", _WHOLE, rows=_sample_rows),
    "tags": Kind(_tags, "values of every label key", Defaults(), rows=_tag_rows),
    "dot": Kind(_dot, "the call graph in graphviz's language", Defaults(), rows=_graph_rows),
    "callgrind": Kind(_callgrind, "the call graph for KCachegrind", _WHOLE, rows=_full_graph_rows),
    "kcachegrind": Kind(
        _no_lines, "callgrind, in KCachegrind", _WHOLE, rows=_full_graph_rows, encode=_shown(_callgrind),
        viewer="kcachegrind",
    ),
    "proto": Kind(
        _no_lines, "the profile itself, filtered and merged", _WHOLE, rows=_sample_rows, binary=True,
        encode=_proto,
    ),
    "topproto": Kind(
        _no_lines, "the rows of top as a profile", Defaults(nodecount=0), rows=_node_rows, binary=True,
        encode=_topproto,
    ),
    "comments": Kind(_comments, "the profile's comments", Defaults(), rows=_comment_rows),
    "csv": Kind(_csv, "the rows of top as CSV, values in base units", Defaults(nodecount=0), rows=_node_rows),
    "disasm": Kind(
        _disasm, "machine instructions of functions matching REGEX", _WHOLE, takes_regex=True,
        rows=_disasm_rows,
    ),
    "weblist": Kind(
        _weblist, "HTML: source lines of functions matching REGEX, with their instructions",
        Defaults(trim=False, granularity="lines"), takes_regex=True, rows=_weblist_rows, viewer="weblist",
    ),
    **{
        name: Kind(_no_lines, text, _WHOLE, rows=_sample_rows, encode=encode)
        for name, (encode, text) in EXPORTS.items()
    },
}  # fmt: skip
