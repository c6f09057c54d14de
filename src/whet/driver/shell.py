"""The interactive shell without a terminal: from a line to what it answers.

Commands, assignments, shortcuts and messages are those of `go tool pprof`'s shell; pipes are
ours. The profile is decoded and prepared once. Prints nothing and reads no terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from whet.analyze.profile.config import CHOICES, OPTIONS, Config, Defaults, set_option
from whet.analyze.profile.values import choose_sample_index
from whet.driver.prof import REPORTS, Output, make_report
from whet.errors import UsageError
from whet.model.profile import Profile

__all__ = ["Reply", "Session"]

_COMMENT = "//:"
_CLEARED = ("focus", "ignore", "hide", "tagfocus", "tagignore")
_QUIT = ("exit", "quit", "q")
_TAIL_DIGITS = re.compile(r"(.*[^0-9])([0-9]+)")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_TOP_ROWS = 10
# Options that say nothing once the profile is loaded, or that pprof does not list.
_NOT_LISTED = ("source_path", "compat", "json", "graphviz")


@dataclass(slots=True)
class Reply:
    """What a line answers.

    Attributes:
        pieces: text, or a file's content where `binary`.
        messages: what to tell the user beside it.
        output: the file to write to, '' for the terminal.
        pipe: the shell command to write to, '' for none.
        viewer: the program that shows it on a terminal, a row of `graphviz.VIEWERS`.
        quit: whether it was the last line.
    """

    pieces: Iterable[bytes] = ()
    messages: list[str] = field(default_factory=list)
    output: str = ""
    pipe: str = ""
    binary: bool = False
    viewer: str = ""
    quit: bool = False


class Session:
    """A profile and the current options."""

    def __init__(self, profile: Profile, config: Config) -> None:
        self._profile = profile
        self.config = config.changed(compact_labels=True)
        self._types = [kind for kind, _ in profile.sample_type_names()]

    def greeting(self) -> list[str]:
        """Return the facts of the profile, and what to do next."""
        from whet.analyze.profile.report import prepare
        from whet.render.profile.header import profile_labels

        report = prepare(self._profile, Config().changed(sample_index=self.config.sample_index), Defaults())
        lines = profile_labels(report)
        if report.total == 0 and len(self._types) > 1:
            lines.append("No samples were found with the default sample value type.")
            lines.append('Try "sample_index" command to analyze different sample values.')
        return [*lines, 'Entering interactive mode (type "help" for commands, "o" for options)']

    def execute(self, line: str) -> list[Reply]:
        """Answer a line; it may stand for several.

        Raises:
            UsageError: the line cannot be understood.
        """
        return [reply for part in self._expanded(line.strip()) for reply in self._one(part)]

    def completions(self, line: str) -> list[str]:
        """Return what the last word of a line may become."""
        words = line.split()
        if line[-1:].isspace() or not words:
            words.append("")
        word = words[-1]
        if len(words) == 1 or (len(words) == 2 and words[0] == "help"):
            known = {*REPORTS, *OPTIONS, *CHOICES, "help", "options", "quit"}
            return sorted(name for name in known if name.startswith(word.lower()))
        if words[0].rstrip("0123456789") not in REPORTS or words[0] == "tags":
            return []
        dash, name = ("-", word[1:]) if word.startswith("-") else ("", word)
        return [dash + found for found in self._function_names() if name in found]

    def _function_names(self) -> list[str]:
        import numpy as np

        text = self._profile.strings.text
        return sorted({text(i) for i in np.unique(self._profile.functions.name).tolist()} - {""})

    def _expanded(self, line: str) -> list[str]:
        if line == ":":
            return [f"{name}=" for name in _CLEARED]
        for kind in self._types:
            if line == kind:
                return [f"sample_index={kind}"]
            if line in (f"total_{kind}", f"mean_{kind}"):
                return [f"mean={int(line.startswith('mean_'))}", f"sample_index={kind}"]
        return [line]

    def _one(self, line: str) -> list[Reply]:
        name, given, value = line.partition("=")
        name = name.strip()
        if name in OPTIONS or name in CHOICES:
            self._assign(name, value.rpartition(_COMMENT)[0] if _COMMENT in value else value, given != "")
            return []
        words = line.split()
        if not words:
            return []
        if words[0] in ("o", "options"):
            return [_text("\n".join(self._options()))]
        if words[0] in _QUIT:
            return [Reply(quit=True)]
        if words[0] == "help":
            return [_text(_help(" ".join(words[1:])))]
        return [self._report(words)]

    def _assign(self, name: str, value: str, given: bool) -> None:
        value = value.strip()
        is_switch = name in CHOICES or OPTIONS[name].kind is bool
        if not given and not is_switch:
            raise UsageError(f"please specify a value, e.g. {name}=<val>")
        if name == "sample_index" and value:
            value = self._types[choose_sample_index(self._profile, value)]
        self.config = set_option(self.config, name, value)

    def _report(self, words: list[str]) -> Reply:
        pipe = ""
        if "|" in words:
            at = words.index("|")
            words, pipe = words[:at], " ".join(words[at + 1 :])
        command, arguments = _command(words)
        kind = REPORTS[command]
        regex = ""
        if kind.takes_regex:
            if not arguments:
                raise UsageError(f"command {command} requires an argument")
            regex, arguments = arguments[0], arguments[1:]
        config = _with_arguments(self.config, command, arguments)
        output: Output = make_report(self._profile, command, regex, config)
        return Reply(output.pieces, output.warnings, config.output, pipe, output.binary, kind.viewer)

    def _options(self) -> list[str]:
        lines = []
        for option in OPTIONS.values():
            if option.name in _NOT_LISTED:
                continue
            value = getattr(self.config, option.name)
            text, comment = _shown(value), ""
            if option.choices:
                comment = f"[{' | '.join(sorted(option.choices))}]"
            elif option.name == "sample_index":
                text = value or self._types[choose_sample_index(self._profile, "")]
                comment = f"[{' | '.join(self._types)}]"
            elif option.name == "nodecount" and value == -1:
                comment = "default"
            comment = f"{_COMMENT} {comment}" if comment else ""
            lines.append(f"  {option.name:<25} = {text:<20} {comment}")
        return sorted(lines)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or '""'


def _command(words: list[str]) -> tuple[str, list[str]]:
    """Return the report and its arguments; `top10` is `top 10`."""
    name, arguments = words[0], words[1:]
    if name in REPORTS:
        return name, arguments
    digits = _TAIL_DIGITS.fullmatch(name)
    if digits and digits[1] in REPORTS:
        return digits[1], [digits[2], *arguments]
    if name in OPTIONS:
        value = arguments[0] if arguments else "<val>"
        raise UsageError(f"did you mean: {name}={value}")
    raise UsageError(f'unrecognized command: "{name}"', hint="help lists the commands")


def _with_arguments(config: Config, command: str, arguments: list[str]) -> Config:
    """Return the options of one command; what it changes does not last."""
    focus, ignore, words = list[str](), list[str](), list(arguments)
    while words:
        word = words.pop(0)
        if _INTEGER.fullmatch(word) and abs(int(word)) < 1 << 31:
            config = config.changed(nodecount=int(word))
        elif word.startswith(">"):
            if word == ">" and not words:
                raise UsageError("unexpected end of line after >", hint="COMMAND >FILE")
            config = config.changed(output=word[1:] or words.pop(0))
        elif word in ("-cum", "--cum"):
            config = config.changed(sort="cum")
        elif word.startswith("-"):
            ignore.append(word[1:])
        else:
            focus.append(word)
    names = ("tagfocus", "tagignore") if command == "tags" else ("focus", "ignore")
    for name, parts in zip(names, (focus, ignore), strict=True):
        joined = "|".join(filter(None, parts))
        if joined:
            config = set_option(config, name, joined)
    if config.nodecount == -1 and command in ("top", "text"):
        config = config.changed(nodecount=_TOP_ROWS)
    return config


def _help(topic: str) -> str:
    if topic in REPORTS:
        kind = REPORTS[topic]
        argument = " REGEX" if kind.takes_regex else ""
        usage = f"{topic}{argument} [N] [FOCUS_REGEX]... [-IGNORE_REGEX]... [-cum] [>FILE] [| COMMAND]"
        return f"{kind.help}\n  Usage:\n    {usage}"
    if topic in CHOICES:
        return f"{CHOICES[topic].help}: {topic}"
    if topic in OPTIONS:
        return OPTIONS[topic].help
    if topic:
        raise UsageError(f"unknown command: {topic}", hint="help lists the commands")
    rows = [f"    {name:<22} {kind.help}" for name, kind in sorted(REPORTS.items())]
    rows += ["    o/options              list the options and their values"]
    rows += ["    q/quit/exit/^D         leave"]
    options = [
        f"    {option.name:<22} {option.help}" for option in sorted(OPTIONS.values(), key=lambda o: o.name)
    ]
    lines = ["  Commands:", *rows, "", "  Options (NAME=VALUE sets one):", *options, ""]
    lines.append("  :   Clear focus/ignore/hide/tagfocus/tagignore")
    lines.append("  A sample type's name chooses it, mean_NAME and total_NAME choose how.")
    lines += ["", '  type "help COMMAND" or "help OPTION" for more']
    return "\n".join(lines)


def _text(text: str) -> Reply:
    return Reply([text.encode("utf-8", "surrogateescape") + b"\n"])
