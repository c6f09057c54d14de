r"""Parse an expression into a tree.

The syntax is RE2's as Go's regexp/syntax accepts it (Perl flags on):
https://github.com/google/re2/wiki/Syntax. Groups do not capture and laziness is forgotten,
because only whether there is a match is ever asked. Not supported: scripts (`\p{Greek}`).
"""

from __future__ import annotations

from dataclasses import dataclass

from whet.analyze.regexp.charset import ANY, CATEGORIES, NOT_NEWLINE, PERL, POSIX, CharSet, case_variants

__all__ = [
    "Alternate",
    "Assertion",
    "Concat",
    "Node",
    "RegexpSyntaxError",
    "Repeat",
    "parse",
]

_MOST_REPEATS = 1000
_DEEPEST = 100
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_DIGITS = "0123456789"
_HEX = "0123456789abcdefABCDEF"


class RegexpSyntaxError(ValueError):
    """An expression is malformed; the text says how."""


@dataclass(frozen=True, slots=True)
class Concat:
    """One after the other; none matches the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternate:
    """Any of the choices."""

    choices: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A node at least `least` and at most `most` times; None is no limit."""

    node: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place: begin_text, end_text, begin_line, end_line, word, not_word."""

    kind: str


Node = Concat | Alternate | Repeat | Assertion | CharSet


@dataclass(frozen=True, slots=True)
class _Flags:
    fold: bool = False
    multi_line: bool = False
    dot_all: bool = False


def parse(source: str) -> Node:
    """Parse an expression.

    Raises:
        RegexpSyntaxError: it is malformed.
    """
    parser = _Parser(source)
    node = parser.alternation(_Flags(), 0)
    if parser.at < len(source):
        raise RegexpSyntaxError("unexpected )")
    return node


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def _peek(self, text: str) -> bool:
        return self.source.startswith(text, self.at)

    def _peek_back(self, text: str) -> bool:
        return self.source.endswith(text, 0, self.at)

    def _take(self, text: str) -> bool:
        found = self._peek(text)
        self.at += len(text) if found else 0
        return found

    def _next(self, problem: str) -> str:
        if self.at >= len(self.source):
            raise RegexpSyntaxError(problem)
        self.at += 1
        return self.source[self.at - 1]

    def _until(self, end: str, problem: str) -> str:
        stop = self.source.find(end, self.at)
        if stop < 0:
            raise RegexpSyntaxError(problem)
        text, self.at = self.source[self.at : stop], stop + len(end)
        return text

    def alternation(self, flags: _Flags, depth: int) -> Node:
        if depth > _DEEPEST:
            raise RegexpSyntaxError("groups are nested too deeply")
        choices: list[Node] = []
        parts: list[Node] = []
        while self.at < len(self.source) and not self._peek(")"):
            if self._take("|"):
                choices.append(Concat(tuple(parts)))
                parts = []
            elif self._take("(?") and not self._group_start():
                flags, node = self._flag_group(flags, depth)
                if node is not None:
                    parts.append(self._repeated(node))
                elif parts:
                    # A repetition after flags is one of what stands before them.
                    parts[-1] = self._repeated(parts[-1])
            else:
                parts += self._item(flags, depth)
                if parts and self._peek_back(r"\E"):
                    parts[-1] = self._repeated(parts[-1])
        choices.append(Concat(tuple(parts)))
        return choices[0] if len(choices) == 1 else Alternate(tuple(choices))

    def _group_start(self) -> bool:
        """Step back where `(?` begins a named group, which is an ordinary one here."""
        named = self._peek("P<") or self._peek("<")
        if named:
            self.at -= 2
        return named

    def _flag_group(self, flags: _Flags, depth: int) -> tuple[_Flags, Node | None]:
        """Parse what follows `(?`: flags for the rest, or a group with flags of its own."""
        problem = "invalid group after (?"
        values = {"i": flags.fold, "m": flags.multi_line, "s": flags.dot_all, "U": False}
        sign, named = True, False
        while True:
            char = self._next(problem)
            if char in ":)":
                break
            if char == "-" and sign:
                sign, named = False, False
                continue
            if char not in values:
                raise RegexpSyntaxError(problem)
            values[char], named = sign, True
        if not sign and not named:
            raise RegexpSyntaxError(problem)
        changed = _Flags(values["i"], values["m"], values["s"])
        if char == ")":
            return changed, None
        node = self.alternation(changed, depth + 1)
        self._close()
        return flags, node

    def _close(self) -> None:
        if not self._take(")"):
            raise RegexpSyntaxError("missing closing )")

    def _item(self, flags: _Flags, depth: int) -> list[Node]:
        if self._take(r"\Q"):
            return self._quoted(flags)
        return [self._repeated(self._atom(flags, depth))]

    def _quoted(self, flags: _Flags) -> list[Node]:
        stop = self.source.find(r"\E", self.at)
        text = self.source[self.at :] if stop < 0 else self.source[self.at : stop]
        self.at = len(self.source) if stop < 0 else stop + 2
        return [_literal(ord(c), flags) for c in text]

    def _atom(self, flags: _Flags, depth: int) -> Node:
        if self._operator() is not None:
            raise RegexpSyntaxError("missing argument to repetition operator")
        char = self._next("empty expression")
        if char == "(":
            return self._group(flags, depth)
        if char == "[":
            return self._class(flags)
        if char == ".":
            return ANY if flags.dot_all else NOT_NEWLINE
        if char == "^":
            return Assertion("begin_line" if flags.multi_line else "begin_text")
        if char == "$":
            return Assertion("end_line" if flags.multi_line else "end_text")
        if char == "\\":
            return self._escape(flags)
        return _literal(ord(char), flags)

    def _group(self, flags: _Flags, depth: int) -> Node:
        if self._take("?P<") or self._take("?<"):
            name = self._until(">", "invalid named group")
            if not name or not all(c == "_" or (c.isascii() and c.isalnum()) for c in name):
                raise RegexpSyntaxError(f"invalid group name {name}")
        node = self.alternation(flags, depth + 1)
        self._close()
        return node

    def _repeated(self, node: Node) -> Node:
        repeats = 0
        while (limits := self._operator()) is not None:
            repeats += 1
            if repeats > 1:
                raise RegexpSyntaxError("invalid nested repetition operator")
            self._take("?")
            node = Repeat(node, *limits)
        return node

    def _operator(self) -> tuple[int, int | None] | None:
        for char, limits in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(char):
                return limits
        if not self._peek("{"):
            return None
        stop = self.source.find("}", self.at)
        text = self.source[self.at + 1 : stop] if stop > 0 else ""
        least, comma, most = text.partition(",")
        if not _is_number(least) or (comma and most and not _is_number(most)):
            return None  # RE2 takes a brace that begins no count as itself
        self.at = stop + 1
        low = int(least)
        high = low if not comma else (int(most) if most else None)
        if max(low, high or 0) > _MOST_REPEATS or (high is not None and high < low):
            raise RegexpSyntaxError(f"invalid repeat count {{{text}}}")
        return low, high

    def _escape(self, flags: _Flags) -> Node:
        assertion = {"A": "begin_text", "z": "end_text", "b": "word", "B": "not_word"}
        for letter, kind in assertion.items():
            if self._take(letter):
                return Assertion(kind)
        return self._escaped_set(flags) or _literal(self._escaped_code(), flags)

    def _escaped_set(self, flags: _Flags) -> CharSet | None:
        """Parse what follows a backslash where it is a class, else step over nothing."""
        letter = self.source[self.at : self.at + 1]
        if letter.lower() in PERL and letter:
            self.at += 1
            return PERL[letter] if letter.islower() else CharSet(parts=(PERL[letter.lower()],), negated=True)
        if letter not in ("p", "P"):
            return None
        self.at += 1
        name = self._until("}", "invalid character class") if self._take("{") else self._next("invalid class")
        negated = (letter == "P") != name.startswith("^")
        name = name.removeprefix("^")
        if name == "Any":
            return CharSet(ANY.ranges, negated=negated)
        if name not in CATEGORIES:
            raise RegexpSyntaxError(f"unknown or unsupported character class {name}")
        return CharSet(categories=(name,), negated=negated, fold=flags.fold)

    def _escaped_code(self) -> int:
        char = self._next("trailing backslash at end of expression")
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char == "x":
            return self._hexadecimal()
        if char == "0" or (char in "1234567" and self.source[self.at : self.at + 1] in tuple("01234567")):
            digits = char
            while len(digits) < 3 and self.source[self.at : self.at + 1] in tuple("01234567"):
                digits += self._next("")
            return int(digits, 8)
        if char.isascii() and char.isalnum():
            raise RegexpSyntaxError(f"invalid escape sequence \\{char}")
        return ord(char)

    def _hexadecimal(self) -> int:
        problem = "invalid escape sequence \\x"
        if self._take("{"):
            digits = self._until("}", problem)
        else:
            digits = self._next(problem) + self._next(problem)
        if not digits or len(digits) > 8 or any(c not in _HEX for c in digits) or int(digits, 16) > 0x10FFFF:
            raise RegexpSyntaxError(problem)
        return int(digits, 16)

    def _class(self, flags: _Flags) -> CharSet:
        negated, first = self._take("^"), True
        ranges: list[tuple[int, int]] = []
        parts: list[CharSet] = []
        while first or not self._peek("]"):
            first = False
            found = self._class_set(flags)
            if found is not None:
                parts.append(found)
                continue
            low = self._class_code()
            high = low
            if self._peek("-") and not self._peek("-]"):
                self.at += 1
                high = self._class_code()
            if high < low:
                raise RegexpSyntaxError("invalid character class range")
            ranges.append((low, high))
        self.at += 1
        return CharSet(tuple(ranges), parts=tuple(parts), negated=negated, fold=flags.fold)

    def _class_set(self, flags: _Flags) -> CharSet | None:
        if self._peek("[:"):
            stop = self.source.find(":]", self.at + 2)
            if stop >= 0:
                name = self.source[self.at + 2 : stop]
                plain = name.removeprefix("^")
                if plain not in POSIX:
                    raise RegexpSyntaxError(f"invalid character class [:{name}:]")
                self.at = stop + 2
                return CharSet(parts=(POSIX[plain],), negated=name != plain)
        if self._peek("\\") and not self._peek("\\Q"):
            self.at += 1
            found = self._escaped_set(flags)
            if found is None:
                self.at -= 1
            return found
        return None

    def _class_code(self) -> int:
        char = self._next("missing closing ]")
        return self._escaped_code() if char == "\\" else ord(char)


def _is_number(text: str) -> bool:
    return bool(text) and len(text) < 6 and all(c in _DIGITS for c in text)


def _literal(code: int, flags: _Flags) -> CharSet:
    codes = {code, *map(ord, case_variants(chr(code)))} if flags.fold else {code}
    return CharSet(tuple((c, c) for c in sorted(codes)), fold=flags.fold)
