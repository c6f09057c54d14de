"""The state of the web UI as the words of its address, and what they ask for.

Options have pprof's URL parameters (`f` is focus, `si` sample_index, ...); the rest are ours.
An address names everything that a view shows, so that a reload, the back button and somebody
else see the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from whet.analyze.profile.config import OPTIONS, Config, set_option
from whet.errors import UsageError

__all__ = ["VIEWS", "WebState", "config_words", "parse_address", "parse_query"]

# The last part of the address: the view of the page.
VIEWS = {
    "": "overview", "flamegraph": "flame", "top": "boxes", "source": "source", "graph": "graph",
    "peek": "peek", "tags": "tags", "about": "about",
}  # fmt: skip

# Options without a parameter of pprof's go by their name.
_PARAMETERS = {option.url: option.name for option in OPTIONS.values() if option.url}
_PARAMETERS |= {name: name for name in ("tagroot", "tagleaf", "divide_by")}
_NOT_HERE = ("mean", "normalize", "intel_syntax", "compact_labels", "ci")
_MAX_QUERY = 8_000
_NODE = re.compile(r"([0-9]{1,12})\.([0-9]{1,6})")
_TIME = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")
_SORTS = ("flat", "cum", "bound", "name")


@dataclass(frozen=True)
class WebState:
    """What an address asks for.

    Attributes:
        config: the options.
        labels: (key, value) pairs that samples must have; value "" is "without the key".
        time: the part of the time in ns, or None for all of it.
        zoom: (sample, depth) of the branch to see closely, or None.
        frame, sandwich: (location, line) of a node, or None.
        regex: what peek looks for.
    """

    view: str = "overview"
    config: Config = field(default_factory=Config)
    labels: tuple[tuple[str, str], ...] = ()
    time: tuple[int, int] | None = None
    inverted: bool = False
    zoom: tuple[int, int] | None = None
    frame: tuple[int, int] | None = None
    sandwich: tuple[int, int] | None = None
    sort: str = "flat"
    search: str = ""
    regex: str = ""


def parse_address(address: str, config: Config) -> WebState:
    """Parse a path of the UI with its query: `/ui/flamegraph?f=main`, or only the last part."""
    parts = urlsplit(address)
    name = parts.path.strip("/").removeprefix("ui").strip("/")
    view = VIEWS.get(name, name if name in VIEWS.values() else None)
    if view is None:
        raise UsageError(f"unknown view {name!r}", hint=f"one of {', '.join(VIEWS.values())}")
    return replace(parse_query(parts.query, config), view=view)


def parse_query(query: str, config: Config) -> WebState:
    """Parse the words of an address; `config` holds what they do not name.

    Raises:
        UsageError: a word is unknown or has a bad value.
    """
    if len(query) > _MAX_QUERY:
        raise UsageError(f"the query is longer than {_MAX_QUERY} characters")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100, errors="surrogateescape")
    except ValueError as error:
        raise UsageError(f"malformed query: {str(error).lower()}") from None
    own: dict[str, list[str]] = {}
    for name, text in pairs:
        if name in _PARAMETERS:
            if _PARAMETERS[name] in _NOT_HERE and text not in ("", "f", "false", "0"):
                raise UsageError(f"the web UI has no {_PARAMETERS[name]}", hint="text reports have")
            config = set_option(config, _PARAMETERS[name], text)
        elif name in _OWN:
            own.setdefault(name, []).append(text)
        else:
            raise UsageError(f"unknown parameter {name!r}", hint="docs/web-ui.md lists them")
    return _with_own(WebState(config=config), own)


def config_words(config: Config) -> str:
    """Return the query that names every option that is not as usual."""
    usual = Config()
    words = []
    for parameter, name in _PARAMETERS.items():
        value = getattr(config, name)
        if value != getattr(usual, name) and name not in _NOT_HERE:
            words.append((parameter, str(value).lower() if isinstance(value, bool) else str(value)))
    return urlencode(words, errors="surrogateescape")


def without_words(config: Config) -> Config:
    """Return the options with every one that an address names put back to the usual."""
    usual = Config()
    words = {name: getattr(usual, name) for name in _PARAMETERS.values()}
    return config.changed(**words)


_OWN = ("label", "time", "inverted", "zoom", "frame", "sandwich", "sort", "search", "peek")


def _with_own(state: WebState, own: Mapping[str, Sequence[str]]) -> WebState:
    last = {name: values[-1] for name, values in own.items()}
    labels = tuple(_label(text) for text in own.get("label", ()))
    if last.get("sort", "flat") not in _SORTS:
        raise UsageError(f"invalid value {last['sort']!r} for sort", hint=f"one of {', '.join(_SORTS)}")
    if last.get("inverted", "") not in ("", "0", "1"):
        raise UsageError(f"invalid value {last['inverted']!r} for inverted", hint="1 or nothing")
    return replace(
        state,
        labels=labels,
        time=_pair("time", _TIME, last.get("time", "")),
        inverted=last.get("inverted") == "1",
        zoom=_pair("zoom", _NODE, last.get("zoom", "")),
        frame=_pair("frame", _NODE, last.get("frame", "")),
        sandwich=_pair("sandwich", _NODE, last.get("sandwich", "")),
        sort=last.get("sort", "flat"),
        search=last.get("search", ""),
        regex=last.get("peek", ""),
    )


def _label(text: str) -> tuple[str, str]:
    key, given, value = text.partition("=")
    if not given:
        raise UsageError(f"invalid value {text!r} for label", hint="label=KEY=VALUE")
    return key, value


def _pair(name: str, pattern: re.Pattern[str], text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = pattern.fullmatch(text)
    if not found:
        raise UsageError(f"invalid value {text!r} for {name}", hint="take it from an address of the UI")
    return int(found[1]), int(found[2])
