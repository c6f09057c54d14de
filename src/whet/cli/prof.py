"""`whet prof`: profiles from the command line.

Two forms of the same call, `whet prof top [options] FILE...` and pprof's
`whet prof -top [options] FILE...`. Flags come from the tables of reports and options:
`-name`, `--name`, `-name=value`, `-name value`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable

from whet.analyze.profile.config import CHOICES, OPTIONS, Config, set_option
from whet.cli.streams import Progress, Streams
from whet.driver.exports import EXPORT_NAMES, FORMAT_ALIASES
from whet.driver.prof import REPORTS, Output, make_quick_report, make_report
from whet.driver.request import REQUEST_OPTIONS, Loaded, Request, load_request, set_request_option
from whet.driver.sources import write_output
from whet.errors import UsageError
from whet.records import Record, fresh

__all__ = ["main"]

_DEFAULT_COMMAND = "top"
_PAGE_OPTIONS = ("html", "view", "http", "no_browser")
# The server is a floor beside this one: called by name, as commands are.
_SERVER = "whet.ui.serve"
# Old flags that choose a value column.
VALUE_FLAGS = {
    "inuse_space": "inuse_space",
    "inuse_objects": "inuse_objects",
    "alloc_space": "alloc_space",
    "alloc_objects": "alloc_objects",
    "total_delay": "delay",
    "contentions": "contentions",
    "mean_delay": "delay",
}
_ALIASES = {option.alias: option.name for option in OPTIONS.values() if option.alias}


class Call(Record):
    """A parsed command line."""

    command: str = ""
    regex: str | None = None
    html: str = ""
    view: str = ""
    http: str | None = None
    no_browser: bool = False
    config: Config = fresh(default_factory=Config)
    groups: dict[str, str] = fresh(default_factory=dict)
    request: Request = fresh(default_factory=Request)
    help: bool = False
    shell: bool = False
    notes: list[str] = fresh(default_factory=list)


def main(argv: list[str], streams: Streams) -> int:
    """Make the report that `argv` asks for; return the exit status."""
    if argv and argv[0] == "compare":
        from whet.cli import compare

        return compare.main(argv[1:], streams)
    call = parse(argv)
    if call.help:
        streams.write(_help())
        return 0
    if not call.request.sources:
        raise UsageError("no profile given", hint="usage: whet prof [REPORT] [OPTIONS] FILE...")
    if call.shell or call.html or call.http is not None:
        return _look(call, streams)
    for warning in call.notes:
        streams.talk(warning)
    output = make_quick_report(call.request, call.command or _DEFAULT_COMMAND, call.config)
    if output is None:
        output = _report(call, streams)
    for warning in output.warnings:
        streams.talk(warning)
    viewer = REPORTS[call.command or _DEFAULT_COMMAND].viewer
    # A page that is piped somewhere is wanted there, not in the browser.
    piped = viewer == "weblist" and not streams.out_is_terminal()
    if viewer and not piped and not call.config.output and not call.config.json:
        from whet.driver.graphviz import show

        streams.talk(f"Showing {show(viewer, b''.join(output.pieces))}")
    elif call.config.output:
        streams.talk(f"Generating report in {call.config.output}")
        write_output(call.config.output, output.pieces)
    elif output.binary and streams.out_is_terminal():
        raise UsageError("the report is binary and would go to the terminal", hint="use -o FILE")
    else:
        for piece in output.pieces:
            streams.write_bytes(piece)
    return 0


def _loaded(call: Call, streams: Streams) -> Loaded:
    progress = Progress(streams)
    try:
        return load_request(call.request, call.config, progress.show)
    finally:
        progress.clear()


def _report(call: Call, streams: Streams) -> Output:
    loaded = _loaded(call, streams)
    for warning in loaded.warnings:
        streams.talk(warning)
    return make_report(loaded.profile, call.command or _DEFAULT_COMMAND, call.regex or "", call.config)


def _shell(call: Call, streams: Streams) -> int:
    from whet.cli.shell import run_shell
    from whet.driver.shell import Session

    loaded = _loaded(call, streams)
    for warning in (*call.notes, *loaded.warnings):
        streams.talk(warning)
    return run_shell(Session(loaded.profile, call.config), streams)


def _html(call: Call, streams: Streams) -> int:
    from whet.driver.html import make_html

    loaded = _loaded(call, streams)
    page, warnings = make_html(loaded.profile, call.request.sources, call.config, view=call.view)
    for warning in (*call.notes, *loaded.warnings, *warnings):
        streams.talk(warning)
    write_output(call.html, [page])
    streams.talk(f"Generating report in {call.html}")
    return 0


def _look(call: Call, streams: Streams) -> int:
    """Do what is not one report."""
    if call.shell:
        return _shell(call, streams)
    if call.http is not None:
        return _serve(call, call.http, streams)
    return _html(call, streams)


def _serve(call: Call, endpoint: str, streams: Streams) -> int:
    serve: Callable[[Request, Config, str, Callable[[str], None], bool], None]
    serve = importlib.import_module(_SERVER).serve
    for note in call.notes:
        streams.talk(note)
    serve(call.request, call.config, endpoint, streams.talk, not call.no_browser)
    # The server's threads may be computing in compiled code, where Python's end would abort the process.
    streams.flush()
    os._exit(0)


def parse(argv: list[str]) -> Call:
    """Parse the arguments of `whet prof`.

    Raises:
        UsageError: an unknown flag, a bad value, a missing or doubled argument.
    """
    call, words = Call(), list(argv)
    if words and words[0] in REPORTS:
        _choose(call, words.pop(0))
    elif words and words[0] == "shell":
        call.shell = bool(words.pop(0))
    elif words and words[0] == "help":
        call.help = True
        return call
    while words:
        word = words.pop(0)
        if word == "--":
            call.request.sources += words
            break
        if word.startswith("-") and word != "-":
            _flag(call, word.lstrip("-") if word[:2] == "--" else word[1:], words)
        elif call.command and REPORTS[call.command].takes_regex and call.regex is None:
            call.regex = word
        else:
            call.request.sources.append(word)
    if call.http is not None and (call.command or call.html or call.shell):
        raise UsageError("the web UI shows every report", hint="whet prof --http HOST:PORT [OPTIONS] FILE...")
    if call.view and not call.html:
        raise UsageError("-view says what a page shows first", hint="it goes with --html FILE")
    if call.shell and (call.command or call.html):
        raise UsageError("the shell makes its own reports", hint="whet prof shell [OPTIONS] FILE...")
    if call.command and REPORTS[call.command].takes_regex and not call.regex and not call.help:
        raise UsageError(
            f"{call.command} needs a regular expression",
            hint=f"whet prof {call.command} REGEX FILE",
        )
    return call


def _flag(call: Call, text: str, words: list[str]) -> None:
    name, given, value = text.partition("=")
    name = _ALIASES.get(name, name)
    if name in ("h", "help"):
        call.help = True
    elif name in ("i", "interactive"):
        call.shell = True
    elif name in REPORTS:
        _report_flag(call, name, value if given else None, words)
    elif name == "format":
        _choose_format(call, value if given else _next(name, words))
    elif name in _PAGE_OPTIONS:
        _page_option(call, name, value if given else None, words)
    elif name in CHOICES:
        _choice(call, name, value if given else "true")
    elif name in VALUE_FLAGS:
        _value_flag(call, name, value)
    elif name in REQUEST_OPTIONS:
        if not given:
            value = "true" if isinstance(getattr(call.request, name), bool) else _next(name, words)
        set_request_option(call.request, name, value)
    elif name in OPTIONS:
        if not given:
            value = "true" if OPTIONS[name].kind is bool else _next(name, words)
        call.config = set_option(call.config, name, value)
    else:
        raise UsageError(f"unknown option -{name}", hint="whet prof --help lists the options")


def _page_option(call: Call, name: str, value: str | None, words: list[str]) -> None:
    if name == "no_browser":
        call.no_browser = value is None or value.lower() not in ("false", "f", "0", "no", "n")
    else:
        setattr(call, name, _next(name, words) if value is None else value)


def _value_flag(call: Call, name: str, value: str) -> None:
    """Set the value column by the name of an old flag; the first one wins, as in pprof."""
    if value.lower() in ("false", "f", "0", "no", "n"):
        return
    if call.config.sample_index:
        call.notes.append(f"Multiple value selections, ignoring -{name}")
    else:
        call.config = set_option(call.config, "sample_index", VALUE_FLAGS[name])
    if name == "mean_delay":
        call.config = set_option(call.config, "mean", "true")


def _report_flag(call: Call, name: str, value: str | None, words: list[str]) -> None:
    if REPORTS[name].takes_regex:
        _choose(call, name)
        call.regex = _next(name, words) if value is None else value
    elif value is None or value.lower() in ("true", "t", "1"):
        _choose(call, name)


def _choose(call: Call, command: str) -> None:
    if call.command:
        raise UsageError(f"more than one report: {call.command} and {command}", hint="ask for one at a time")
    call.command = command


def _choose_format(call: Call, name: str) -> None:
    if name == "json":
        call.config = set_option(call.config, "json", "true")
        return
    command = FORMAT_ALIASES.get(name, name)
    if command not in EXPORT_NAMES:
        known = sorted({*EXPORT_NAMES, *FORMAT_ALIASES, "json"})
        raise UsageError(f"unknown format {name!r}", hint=f"one of {', '.join(known)}")
    _choose(call, command)


def _choice(call: Call, name: str, value: str) -> None:
    group = CHOICES[name].name
    changed = set_option(call.config, name, value)
    if changed is call.config:
        return
    if call.groups.setdefault(group, name) != name:
        raise UsageError(f"conflicting options: -{call.groups[group]} and -{name}")
    call.config = changed


def _next(name: str, words: list[str]) -> str:
    if not words:
        raise UsageError(f"option -{name} needs a value")
    return words.pop(0)


def _help() -> str:
    lines = [
        "usage: whet prof [REPORT] [OPTIONS] FILE...",
        "       whet prof -REPORT [OPTIONS] FILE...",
        "",
        "Several files are merged; a recording's directory stands for its profile.",
        "",
        "Reports (default: top)",
    ]
    for name, kind in REPORTS.items():
        lines.append(f"  {name + (' REGEX' if kind.takes_regex else ''):<18} {kind.help}")
    lines.append(f"  {'--format NAME':<18} the same as the report NAME; pprof means proto")
    lines.append(f"  {'shell, -i':<18} ask for reports one after the other; `help` tells more")
    lines.append(f"  {'compare OLD NEW':<18} what really changed; whet prof compare --help tells more")
    lines.append(f"  {'--http HOST:PORT':<18} the web UI, until Ctrl-C; :0 takes a free port")
    lines.append(f"  {'  -no_browser':<18} do not open it")
    lines.append(f"  {'--html FILE':<18} one offline HTML file with flame graph, tables and source")
    lines.append(f"  {'  -view VIEW':<18} what it shows first: flame, graph, ... or an address of the web UI")
    lines += ["", "Options (one dash or two)"]
    for option in OPTIONS.values():
        names = [f"-{c}" for c in option.choices] or [f"-{option.name}"]
        if option.alias:
            names.append(f"-{option.alias}")
        lines.append(f"  {' '.join(names):<18} {option.help}")
    lines += ["", "Profiles (one dash or two)"]
    lines += [f"  {'-' + name:<18} {text}" for name, text in REQUEST_OPTIONS.items()]
    lines.append(f"  {' '.join('-' + name for name in VALUE_FLAGS)}")
    lines.append(f"  {'':<18} the value to report, as -sample_index does")
    return "\n".join(lines) + "\n"
