"""A command line taken apart: flags, options with values, the rest. What they mean is for each command.

One dash or two, `--name value` or `--name=value`; options may stand anywhere before `--`, and of several the
last wins. As in Go, a flag takes `=true` and `=false`. A single `-` is a word like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from whet.errors import UsageError

__all__ = ["Words"]


class Words:
    """The words of a command line, values still text.

    Attributes:
        flags: names of the flags that are on.
        values: by option, all that were given.
        rest: what belongs to no option; `after`: what stands behind `--`, None without one.
    """

    def __init__(
        self,
        command: str,
        argv: Sequence[str],
        *,
        flags: Collection[str],
        values: Collection[str],
        short: Mapping[str, str],
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        """Take a command line apart.

        Args:
            command: for messages: "whet load".
            argv: the words behind it.
            flags: names of options without a value.
            values: names of options with one.
            short: other names of options.
            elsewhere: what options of other tools are called here.

        Raises:
            UsageError: an unknown option, or one without its value.
        """
        self.flags: set[str] = set()
        self.values: dict[str, list[str]] = {}
        self.rest: list[str] = []
        self.after: list[str] | None = None
        self._hint = f"see {command} --help"
        self._command = command
        self._known = flags, values, short
        self._elsewhere = elsewhere or {}
        left = list(argv)
        while left and self.after is None:
            self._take(left)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str, default: str = "") -> str:
        """Return an option's value."""
        return self.values.get(name, [default])[-1]

    def _take(self, left: list[str]) -> None:
        flags, values, short = self._known
        word = left.pop(0)
        if word == "--":
            self.after = left
            return
        if not word.startswith("-") or word == "-":
            self.rest.append(word)
            return
        name, given, value = word.removeprefix("-").removeprefix("-").partition("=")
        name = short.get(name, name)
        if name in flags:
            self._switch(name, word, value if given else "true")
        elif name in values:
            if not given and not left:
                raise UsageError(f"{word} needs a value", hint=self._hint)
            self.values.setdefault(name, []).append(value if given else left.pop(0))
        else:
            hint = f"here it is {self._elsewhere[name]}" if name in self._elsewhere else self._hint
            raise UsageError(f"{self._command} has no option {word}", hint=hint)

    def _switch(self, name: str, word: str, value: str) -> None:
        if value not in ("true", "false"):
            raise UsageError(f"{word.partition('=')[0]} takes no value", hint=self._hint)
        if value == "true":
            self.flags.add(name)
        else:
            self.flags.discard(name)
