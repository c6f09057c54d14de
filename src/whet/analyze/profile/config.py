"""The options of profile reports: one table, three faces.

A row of `OPTIONS` is a field of `Config`; flags, URL parameters and saved settings are all
derived from the rows, so that an option exists everywhere or nowhere. Names, defaults and
URL parameters are pprof's.
"""

from __future__ import annotations

import math

from whet.errors import UsageError
from whet.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CHOICES", "OPTIONS", "Config", "Defaults", "Option", "set_option", "with_defaults"]


class Config(Record):
    """The value of every option of a report."""

    sample_index: str = ""
    unit: str = "minimum"
    sort: str = "flat"
    granularity: str = "functions"
    nodecount: int = -1
    nodefraction: float = 0.005
    edgefraction: float = 0.001
    trim: bool = True
    focus: str = ""
    ignore: str = ""
    hide: str = ""
    show: str = ""
    show_from: str = ""
    prune_from: str = ""
    tagfocus: str = ""
    tagignore: str = ""
    tagshow: str = ""
    taghide: str = ""
    tagroot: str = ""
    tagleaf: str = ""
    mean: bool = False
    divide_by: float = 1.0
    normalize: bool = False
    relative_percentages: bool = False
    drop_negative: bool = False
    call_tree: bool = False
    noinlines: bool = False
    showcolumns: bool = False
    compact_labels: bool = False
    intel_syntax: bool = False
    tools: str = ""
    output: str = ""
    source_path: str = ""
    trim_path: str = ""
    compat: str = ""
    ci: bool = False
    speedup: tuple[str, ...] = ()
    json: bool = False
    graphviz: bool = False

    @property
    def as_pprof(self) -> bool:
        """Whether to report as pprof does, its known defects included."""
        return self.compat == "pprof"


class Defaults(Record):
    """How a kind of report changes the options.

    Attributes:
        trim: False switches trimming off.
        granularity: forces one, '' leaves it to the user.
        nodecount: what -1 means.
    """

    trim: bool = True
    granularity: str = ""
    nodecount: int = 80


class Option(Record):
    """One option.

    Attributes:
        name: the field of `Config`, and the flag.
        help: one line.
        url: URL parameter, "" where it has none.
        saved: whether saved settings hold it.
        choices: for a group of flags of which one is set (`-cum`, `-flat`), their names.
        alias: a second flag.
        values: the texts it may have beside "", where they are few.
    """

    name: str
    help: str
    url: str = ""
    saved: bool = True
    choices: tuple[str, ...] = ()
    alias: str = ""
    values: tuple[str, ...] = ()

    @property
    def kind(self) -> type:
        """The type of the option's value: str, int, float, bool; tuple where it may be repeated."""
        return type(getattr(_DEFAULTS, self.name))


_DEFAULTS = Config()
_GRANULARITIES = ("functions", "filefunctions", "files", "lines", "addresses")

OPTIONS: dict[str, Option] = {
    option.name: option
    for option in (
        Option("sample_index", "value to report: index or name of a sample type", "si", False),
        Option("unit", "unit of values: minimum, auto, or a unit such as ms or kB", "unit"),
        Option("sort", "sort rows by their own or their cumulative value", "sort", True,
               ("flat", "cum")),
        Option("granularity", "what one row stands for", "g", True, _GRANULARITIES),
        Option("nodecount", "most rows to show; -1: the report's default, 0: no limit", "n"),
        Option("nodefraction", "hide nodes below this share of the total", "nf"),
        Option("edgefraction", "hide edges below this share of the total", "ef"),
        Option("trim", "honour nodecount, nodefraction and edgefraction", "trim"),
        Option("focus", "keep samples with a frame matching REGEX", "f"),
        Option("ignore", "drop samples with a frame matching REGEX", "i"),
        Option("hide", "drop frames matching REGEX", "h"),
        Option("show", "keep only frames matching REGEX", "s"),
        Option("show_from", "drop the callers of the outermost frame matching REGEX", "sf"),
        Option("prune_from", "drop what the innermost frame matching REGEX calls", "prunefrom"),
        Option("tagfocus", "keep samples with labels: REGEX, KEY=REGEX or a range such as 1kb:4mb", "tf"),
        Option("tagignore", "drop samples with labels: REGEX, KEY=REGEX or a range", "ti"),
        Option("tagshow", "keep only labels whose key matches REGEX", "ts"),
        Option("taghide", "drop labels whose key matches REGEX", "th"),
        Option("tagroot", "make the values of these label keys (K1,K2) the outermost frames", ""),
        Option("tagleaf", "make the values of these label keys (K1,K2) the innermost frames", ""),
        Option("mean", "report values divided by the first value of samples, a count", "mean"),
        Option("divide_by", "divide all values by this number", "", False),
        Option("normalize", "scale the profile to the total of its base before subtracting", "norm"),
        Option("relative_percentages", "make percentages shares of what the filters left", "rel"),
        Option("drop_negative", "leave out nodes with negative values", "dropneg"),
        Option("call_tree", "keep calls from different callers apart, in graphs", "calltree"),
        Option("noinlines", "count inlined calls as part of their caller", "noinlines"),
        Option("showcolumns", "tell columns of source lines apart", "showcolumns"),
        Option("compact_labels", "leave the profile's facts out of headers", "compact"),
        Option("intel_syntax", "write assembly in Intel syntax", "intel"),
        Option("tools", "directory of objdump and addr2line, for assembly", "", False),
        Option("output", "write the report to FILE", "", False, (), "o"),
        Option("source_path", "where to look for source files, separated by ':'", "", False),
        Option("trim_path", "what to take off file names, separated by ':'", "", False),
        Option("compat", "pprof: report as it does, its defects included", "", False, values=("pprof",)),
        Option("ci", "add columns with 95 % intervals and Amdahl bounds", "ci"),
        Option("speedup", "what if: REGEX=2x, REGEX=30% or REGEX=free (repeatable)", "", False),
        Option("json", "write rows as JSON, values in base units", "", False),
        Option("graphviz", "let graphviz draw svg", "", False),
    )
}  # fmt: skip

# A flag that is one choice of a group: its name -> the group's option.
CHOICES: dict[str, Option] = {c: o for o in OPTIONS.values() for c in o.choices}

_TRUE = ("true", "t", "yes", "y", "1", "")
_FALSE = ("false", "f", "no", "n", "0")

assert set(OPTIONS) == set(Config.fields())


def with_defaults(config: Config, defaults: Defaults) -> Config:
    """Return the options as a kind of report changes them."""
    nodecount = defaults.nodecount if config.nodecount == -1 else config.nodecount
    config = config.changed(nodecount=nodecount, granularity=defaults.granularity or config.granularity)
    if defaults.trim and config.trim:
        return config
    return config.changed(nodecount=0, nodefraction=0.0, edgefraction=0.0)


def set_option(config: Config, name: str, text: str) -> Config:
    """Return `config` with one option set from text.

    `name` may also be a choice of a group, whose text is then a boolean.

    Raises:
        UsageError: no such option, or the text is not a value of its type.
    """
    if name in CHOICES:
        if not _boolean(name, text):
            return config
        chosen: dict[str, Any] = {CHOICES[name].name: name}
        return config.changed(**chosen)
    if name not in OPTIONS:
        raise UsageError(f"unknown option {name!r}", hint="whet prof --help lists the options")
    option = OPTIONS[name]
    value = _parse(option, text)
    changed: dict[str, Any] = {name: (*getattr(config, name), value) if option.kind is tuple else value}
    return config.changed(**changed)


def _parse(option: Option, text: str) -> object:
    allowed = option.choices or (option.values and ("", *option.values))
    if allowed and text not in allowed:
        raise UsageError(
            f"invalid value {text!r} for {option.name}", hint=f"one of {', '.join(filter(None, allowed))}"
        )
    if option.kind is bool:
        return _boolean(option.name, text)
    if option.kind is tuple:
        return text
    try:
        return _number(option.kind, text)
    except ValueError:
        kind = {"int": "an integer", "float": "a number"}[option.kind.__name__]
        raise UsageError(f"invalid value {text!r} for {option.name}: not {kind}") from None


def _number(kind: type, text: str) -> object:
    value = kind(text)
    if kind is float and not math.isfinite(value):
        raise ValueError(text)
    if kind is int and abs(value) >= 1 << 63:
        raise ValueError(text)
    return value


def _boolean(name: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise UsageError(f"invalid value {text!r} for {name}", hint="use true or false")
