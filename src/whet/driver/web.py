"""The web UI's session: a profile loaded once, and the answer to every address.

A route is a row of `_ROUTES`. Answers are built from indexes of the filtered profile, the last
few of which are kept. Knows nothing of sockets; prints nothing. No path of an address reaches
the file system: source files are opened by the names that the profile has for them.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.callindex import CallIndex, build_call_index
from whet.analyze.profile.choice import Choices
from whet.analyze.profile.chosen import choose
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.filters import check_filters
from whet.analyze.profile.origin import Origin
from whet.analyze.profile.peek import no_match
from whet.analyze.profile.report import Report, prepare
from whet.analyze.profile.values import choose_sample_index
from whet.analyze.regexp.pattern import Pattern, compile_pattern
from whet.driver.sources import SourceReader
from whet.driver.webstate import VIEWS, WebState, config_words, parse_address, parse_query, without_words
from whet.errors import UsageError, WhetError
from whet.model.profile import Profile
from whet.render import web
from whet.render.columns import file_origins
from whet.render.page import page_policy, page_text

__all__ = ["Answer", "WebSession"]

I64 = npt.NDArray[np.int64]

TOP_ROWS = 500
FOUND_ROWS = 200
PEEKED = 20
_KEPT_INDEXES = 4
_KEPT_ANSWERS = 32
_LARGEST_KEPT = 1 << 20
_UNCUT = Defaults(trim=False, nodecount=0)
_FILTERS = ("focus", "ignore", "hide", "show", "show_from", "prune_from", "tagfocus", "tagignore")


@dataclass(slots=True)
class Answer:
    """What a server sends.

    Attributes:
        body: bytes, packed with gzip where `packed`.
        filename: the name of a download, or ''.
        policy: the content security policy of a page, or ''.
        location: where to go instead, or ''.
    """

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    packed: bool = False
    filename: str = ""
    policy: str = ""
    location: str = ""


class WebSession:
    """A profile ready to be looked at.

    Args:
        profile: as `load_request` has prepared it.
        title: what the profile is called.
        config: the options of the command line; an address names all that differ from the usual.

    Raises:
        UsageError: an option does not fit the profile.
    """

    def __init__(self, profile: Profile, title: str, config: Config) -> None:
        self._profile = profile
        self._choices = Choices(profile)
        self._title = title
        self._first_words = config_words(config)
        self._config = without_words(config.changed(mean=False, json=False, output=""))
        self._reader = SourceReader(config.source_path, config.trim_path)
        self._indexes: OrderedDict[object, tuple[CallIndex, list[str]]] = OrderedDict()
        self._answers: dict[str, Answer] = {}  # the last few
        self._graph_lock = threading.Lock()
        self._lock = threading.RLock()  # answers are made one at a time: each uses a whole core
        check_filters(config)
        choose_sample_index(profile, config.sample_index)

    def answer(self, path: str, query: str) -> Answer | None:
        """Answer an address; None where there is nothing under it.

        Raises:
            WhetError: the query asks for something that cannot be.
        """
        if path in ("/", "/ui"):
            words = query or self._first_words
            return Answer(location="/ui/" + (f"?{words}" if words else ""))
        if path.startswith("/ui/") and path[4:] in VIEWS:
            own = self._own_address(path, query)
            return Answer(location=own) if own else self._page()
        if path.startswith("/ui/save/") and path[9:] in VIEWS:
            with self._lock:
                return self._save(parse_address(f"{path[9:]}?{query}", self._config))
        if path not in _ROUTES:
            return None
        return self._made(path, parse_query(query, self._config))

    def _made(self, path: str, state: WebState) -> Answer:
        """Return the answer of a route, made now or lately."""
        key = f"{path} {state!r}"
        # Graphs use no index and take long: others do not wait for them.
        lock, make = (self._graph_lock, WebSession._graph) if path == _GRAPH else (self._lock, _ROUTES[path])
        with lock:
            answer = self._answers.get(key) or make(self, state)
            if path not in _NOT_KEPT and len(answer.body) <= _LARGEST_KEPT:
                self._answers[key] = answer
                for old in list(self._answers)[:-_KEPT_ANSWERS]:
                    self._answers.pop(old, None)
        return answer

    def warm(self) -> None:
        """Make what is asked for first: the view of everything."""
        with suppress(WhetError):  # then the answer says it
            self._made("/ui/data/view", parse_query(self._first_words, self._config))

    def _own_address(self, path: str, query: str) -> str:
        """Return our address for one of pprof's, where `f` is what to peek at or to list; else ''."""
        state = parse_query(query, self._config)
        words = dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))
        regex = state.config.focus
        if path == "/ui/peek" and regex and "peek" not in words:
            words["peek"] = words.pop("f")
        elif path == "/ui/source" and regex and "frame" not in words:
            with self._lock:
                focus = state.config.changed(focus="")
                index, _ = self._index(replace(state, config=focus))
                words["frame"] = _frame_word(index, regex)
            del words["f"]
        else:
            return ""
        return f"{path}?{urlencode(words, errors='surrogateescape')}"

    # Parts of the profile.

    @cached_property
    def _origins(self) -> dict[str, Origin]:
        return file_origins(self._profile)

    def _chosen(self, state: WebState) -> Profile:
        return self._choices.chosen(state.labels, state.time)

    def _report(self, state: WebState, defaults: Defaults) -> Report:
        config = state.config
        if config.granularity == "functions":
            # Functions of one name in several files are not one function.
            config = config.changed(granularity="filefunctions")
        return prepare(self._chosen(state), config, defaults)

    def _index(self, state: WebState) -> tuple[CallIndex, list[str]]:
        key = (state.config, state.labels, state.time)
        text = repr(key)
        if text not in self._indexes:
            self._indexes[text] = self._narrowed(state) or self._whole(state)
            while len(self._indexes) > _KEPT_INDEXES:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(text)
        return self._indexes[text]

    def _narrowed(self, state: WebState) -> tuple[CallIndex, list[str]] | None:
        """Return the index of a state that only leaves things out, by way of that of everything."""
        config = state.config
        usual = config.changed(**dict.fromkeys(_FILTERS, ""))
        everything = replace(state, config=usual, labels=(), time=None)
        of_samples = self._choices.flags(state.labels, state.time)
        if (usual == config and of_samples is None) or config.relative_percentages:
            return None
        whole, warnings = self._index(everything)
        chosen = choose(whole.report.whole, config, of_samples)
        if chosen is None or (chosen.cuts_frames and config.noinlines):
            return None
        report = None
        if of_samples is not None:
            report = prepare(self._choices.valued(of_samples), whole.report.config, _UNCUT)
        return whole.narrowed(chosen, report), warnings + chosen.warnings

    def _whole(self, state: WebState) -> tuple[CallIndex, list[str]]:
        report = self._report(state, _UNCUT)
        return self._built(report), report.warnings

    def _built(self, report: Report) -> CallIndex:
        """Build an index; what samples there are does not change what nodes there are."""
        config, tables = report.config, report.profile
        for index, _ in self._indexes.values():
            known, other = index.report.config, index.report.profile
            if index.chosen is not None or (config.granularity, config.showcolumns) != (
                known.granularity,
                known.showcolumns,
            ):
                continue
            if tables.locations is other.locations and tables.functions is other.functions:
                return build_call_index(report, index)
        return build_call_index(report)

    def _node(self, index: CallIndex, word: tuple[int, int] | None) -> int:
        """Return the node at a line of a location.

        Raises:
            UsageError: there is none.
        """
        nodes = index.nodes
        if word is None or word[0] >= len(nodes.slot_start) - 1:
            raise UsageError("no such function in this profile", hint="choose one in the UI")
        slot = min(int(nodes.slot_start[word[0]]) + word[1], int(nodes.slot_start[word[0] + 1]) - 1)
        return int(nodes.slot_node[slot])

    # Answers.

    def _page(self) -> Answer:
        body = page_text(self._title).encode("utf-8", "replace")
        return Answer(_packed(body), "text/html; charset=utf-8", packed=True, policy=page_policy(served=True))

    def _about(self, _: WebState) -> Answer:
        timeline = None
        if self._choices.timeline is not None:
            timeline = {"key": self._choices.timeline.key, "lengthNs": self._choices.timeline.length_ns}
        keys = [(key, bool((column == 0).any())) for key, column in self._choices.labels]
        return _json(web.profile_part(self._profile, self._title, keys, timeline))

    def _view(self, state: WebState) -> Answer:
        index, warnings = self._index(state)
        tree = index.tree(inverted=state.inverted, path=_path(index, state))
        shown = tree.tree.frame[tree.tree.frame >= 0]
        rows = np.union1d(index.heaviest(TOP_ROWS), shown).astype(np.int64)
        seen = int(((index.flat != 0) | (index.cum != 0)).sum())
        return _json(
            {
                "head": web.head(index, warnings),
                "frames": web.frame_columns(index, rows, self._origins),
                "tree": web.tree_part(tree, rows),
                "functions": seen,
                "timeline": self._histogram(state),
            }
        )

    def _tree(self, state: WebState) -> Answer:
        index, _ = self._index(state)
        tree = index.tree(inverted=state.inverted, path=_path(index, state))
        rows = np.unique(tree.tree.frame[tree.tree.frame >= 0]).astype(np.int64)
        return _json(
            {"frames": web.frame_columns(index, rows, self._origins), "tree": web.tree_part(tree, rows)}
        )

    def _histogram(self, state: WebState) -> list[int]:
        if self._choices.timeline is None:
            return []
        values = self._profile.samples.values[:, self._index(state)[0].report.index]
        sums: list[int] = self._choices.timeline.histogram(values).tolist()
        return sums

    def _sandwich(self, state: WebState) -> Answer:
        index, _ = self._index(state)
        node = self._node(index, state.sandwich)
        callers, callees = index.around(node)
        frames = np.concatenate([callers.tree.frame, callees.tree.frame, [node]])
        rows = np.unique(frames[frames >= 0]).astype(np.int64)
        return _json(
            {
                "frames": web.frame_columns(index, rows, self._origins),
                "node": int(np.searchsorted(rows, node)),
                "callers": web.tree_part(callers, rows),
                "callees": web.tree_part(callees, rows),
            }
        )

    def _search(self, state: WebState) -> Answer:
        index, _ = self._index(state)
        flags = _found(index, state.search)
        found = np.flatnonzero(flags & ((index.cum != 0) | (index.flat != 0)))
        largest = np.argsort(-np.abs(index.cum[found]), kind="stable")[:FOUND_ROWS]
        rows = np.sort(found[largest]).astype(np.int64)
        return _json(
            {
                "functions": len(found),
                "mass": index.matching(flags),
                "frames": web.frame_columns(index, rows, self._origins),
            }
        )

    def _peek(self, state: WebState) -> Answer:
        from whet.analyze.profile.neighbours import node_calls

        index, _ = self._index(state)
        pattern = compile_pattern(state.regex, name="peek")
        seen = np.flatnonzero((index.flat != 0) | (index.cum != 0))
        matching = _matching(index, seen.tolist(), pattern) if state.regex else []
        name, cum = index.nodes.printable_names, np.abs(index.cum).tolist()
        matching.sort(key=lambda node: (-cum[node], name[node]))
        found = node_calls(index, matching[:PEEKED])
        rows = {node for node, _ in found}
        for _, calls in found:
            rows |= {other for other, _ in (*calls.callers, *calls.callees)}
        ordered = np.array(sorted(rows), np.int64)
        return _json(
            {
                "frames": web.frame_columns(index, ordered, self._origins),
                "peeked": web.peek_part(ordered, found),
                "matching": len(matching),
            }
        )

    def _source(self, state: WebState) -> Answer:
        from whet.analyze.profile.neighbours import line_sums
        from whet.driver.websource import source_part

        index, _ = self._index(state)
        node = self._node(index, state.frame)
        rows = np.array([node], np.int64)
        part = source_part(index, node, line_sums(index, node), self._reader)
        return _json({"frames": web.frame_columns(index, rows, self._origins), "source": part})

    def _graph(self, state: WebState) -> Answer:
        from whet.analyze.profile.callgraph import drawn_call_graph
        from whet.render.profile.graph_svg import render_graph_svg

        report = self._report(state, Defaults())
        picture = "\n".join(render_graph_svg(report, drawn_call_graph(report), styled=False))
        return _json({"graph": picture})

    def _tags(self, state: WebState) -> Answer:
        from whet.analyze.profile.rows import tag_rows

        report = self._report(state, Defaults(trim=False, nodecount=0))
        return _json({"tags": tag_rows(report)["rows"]})

    def _download(self, state: WebState) -> Answer:
        from whet.formats import pprof

        report = self._report(state, Defaults(trim=False, granularity="addresses"))
        body = pprof.encode(report.divided_profile())
        return Answer(body, "application/octet-stream", filename="profile.pb.gz")

    def _save(self, state: WebState) -> Answer:
        from whet.driver.html import saved_page

        page, _ = saved_page(self._chosen(state), self._title, state, self._reader)
        return Answer(_packed(page), "text/html; charset=utf-8", packed=True, filename="whet.html")


_ROUTES: dict[str, Callable[[WebSession, WebState], Answer]] = {
    "/ui/data/about": WebSession._about,
    "/ui/data/view": WebSession._view,
    "/ui/data/tree": WebSession._tree,
    "/ui/data/sandwich": WebSession._sandwich,
    "/ui/data/search": WebSession._search,
    "/ui/data/peek": WebSession._peek,
    "/ui/data/source": WebSession._source,
    "/ui/data/graph": WebSession._graph,
    "/ui/data/tags": WebSession._tags,
    "/download": WebSession._download,
}

_GRAPH = "/ui/data/graph"
_NOT_KEPT = ("/ui/data/source", "/download")  # sources may change; downloads are rare and large


def _frame_word(index: CallIndex, regex: str) -> str:
    """Return the address's word for the heaviest matching node.

    Raises:
        UsageError: nothing matches.
    """
    pattern = compile_pattern(regex, name="f")
    order = np.argsort(-np.abs(index.cum), kind="stable")
    found = _matching(index, order[index.cum[order] != 0].tolist(), pattern)
    if not found:
        raise no_match(regex)
    location = int(index.nodes.first_location[found[0]])
    return f"{location}.{int(index.nodes.first_slot[found[0]] - index.nodes.slot_start[location])}"


def _matching(index: CallIndex, nodes: list[int], pattern: Pattern) -> list[int]:
    """Return the nodes where an expression matches the name, or name and file as reports print them."""
    names, printable, search = index.nodes.function_names, index.nodes.printable_names, pattern.search
    return [node for node in nodes if search(names[node]) or search(printable[node])]


def _path(index: CallIndex, state: WebState) -> npt.NDArray[np.int32] | None:
    """Return the steps to the zoomed branch; one that is not there is no branch."""
    return None if state.zoom is None else index.path(*state.zoom, inverted=state.inverted)


def _found(index: CallIndex, words: str) -> npt.NDArray[np.bool_]:
    """Flag the nodes whose name or file has the words in it, or matches /an expression/."""
    test = _tester(words.strip())
    names, (files, file) = index.nodes.function_names, index.nodes.full_files
    found = [test(text) for text in files]
    return np.fromiter((found[row] or test(name) for name, row in zip(names, file, strict=True)), np.bool_)


def _tester(words: str) -> Callable[[str], bool]:
    if len(words) > 2 and words.startswith("/") and words.endswith("/"):
        return compile_pattern(f"(?i){words[1:-1]}", name="search").search
    lower = words.lower()
    return lambda text: lower in text.lower()


def _json(value: dict[str, Any]) -> Answer:
    text = json.dumps(value, separators=(",", ":")).encode("ascii")
    return Answer(_packed(text), "application/json", packed=True)


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()
