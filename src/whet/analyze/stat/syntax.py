"""Words and operators of filters and projections, as x/perf's benchproc/syntax describes them.

A word runs to a blank or one of `():@,`; `-` and `*` are operators only where a word could
begin. Words may be Go strings in double quotes, and values may be expressions in slashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from whet.analyze.regexp.pattern import Pattern
from whet.analyze.regexp.syntax import RegexpSyntaxError
from whet.errors import UsageError

__all__ = ["Token", "Tokens"]

_OPERATORS = "():@,"
_START_OPERATORS = _OPERATORS + "-*"
_WORD = re.compile(r"[^\s():@,]+|(?=[\s():@,])")
_ESCAPE = re.compile(
    r'\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))|\\|([^\\"\n]+)|(.)',
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


@dataclass(frozen=True, slots=True)
class Token:
    """A word (`w`, quoted: `q`), an expression (`r`), `A`ND, `O`R, an operator, or the end ('').

    Attributes:
        kind: as above; operators stand for themselves.
        offset: of its first character.
        text: of a word without quotes, of an expression without slashes.
        pattern: of an expression.
    """

    kind: str
    offset: int
    text: str
    pattern: Pattern | None = None

    @property
    def is_word(self) -> bool:
        """Whether this may be a key or a literal value."""
        return self.kind in ("w", "q")


class Tokens:
    """Reads a text token by token; `peek` looks without taking.

    Args:
        text: what the user wrote.
        option: where it was written, for errors.
    """

    def __init__(self, text: str, option: str) -> None:
        self.text = text
        self.option = option
        self._at = 0

    def peek(self, *, value: bool = False) -> Token:
        """Return the next token; `value` says that an expression may stand here."""
        return self._token(value=value)[0]

    def take(self, *, value: bool = False) -> Token:
        """Return the next token and go on behind it."""
        token, self._at = self._token(value=value)
        return token

    def fail(self, message: str, offset: int | None = None) -> UsageError:
        """Return the error for a place in the text: its line, and a caret below."""
        at = self._skipped() if offset is None else offset
        before = sum(character.isprintable() for character in self.text[:at])
        caret = " " * before + "^"
        return UsageError(
            f"parsing {self.option}: {message} at character {before + 1} of {self.text!r}",
            hint=f"{self.text}\n      {caret}",
        )

    def _skipped(self) -> int:
        at = self._at
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        return at

    def _token(self, *, value: bool) -> tuple[Token, int]:
        at = self._skipped()
        if at == len(self.text):
            return Token("", at, ""), at
        first = self.text[at]
        if first in _START_OPERATORS:
            return Token(first, at, first), at + 1
        if first == "/" and value:
            return self._expression(at)
        if first == '"':
            return self._quoted(at)
        found = _WORD.match(self.text, at)
        word = found[0] if found else ""
        kind = {"AND": "A", "OR": "O"}.get(word, "w")
        return Token(kind, at, word), at + len(word)

    def _quoted(self, at: int) -> tuple[Token, int]:
        end = at + 1
        while end < len(self.text) and (self.text[end] != '"' or self.text[end - 1] == "\\"):
            end += 1
        if end == len(self.text):
            raise self.fail("missing end quote", at)
        try:
            word = _unquoted(self.text[at + 1 : end])
        except ValueError:
            raise self.fail("bad escape sequence", at) from None
        return Token("q", at, word), end + 1

    def _expression(self, at: int) -> tuple[Token, int]:
        end = _closing_slash(self.text, at + 1)
        if end < 0:
            raise self.fail('missing close "/"', at)
        source = self.text[at + 1 : end]
        rest = self.text[end + 1 : end + 2]
        try:
            pattern = Pattern(source)
        except RegexpSyntaxError as problem:
            raise self.fail(f"{problem}", at) from None
        if rest and not rest.isspace() and rest not in _START_OPERATORS:
            raise self.fail('regexp must be followed by space or an operator (unescaped "/"?)', end + 1)
        return Token("r", at, source, pattern), end + 1


def _closing_slash(text: str, at: int) -> int:
    """Return the place of the first slash outside of classes and groups, -1 if there is none."""
    classes = groups = 0
    while at < len(text):
        character = text[at]
        if character == "/" and classes == 0 and groups == 0:
            return at
        if character == "[":
            classes += 1
        elif character == "]":
            classes = max(0, classes - 1)
        elif character in "()" and classes == 0:
            groups += 1 if character == "(" else -1
        elif character == "\\":
            at += 1
        at += 1
    return -1


def _unquoted(text: str) -> str:
    """Resolve the escapes of a Go string.

    Raises:
        ValueError: one is unknown.
    """
    pieces = []
    for found in _ESCAPE.finditer(text):
        simple, byte, short, long, octal, plain, _ = found.groups()
        if plain is not None:
            pieces.append(plain.encode("utf-8", "surrogateescape"))
        elif simple is not None:
            pieces.append(_SIMPLE[simple].encode())
        elif byte is not None:
            pieces.append(bytes([int(byte, 16)]))
        elif octal is not None and int(octal, 8) < 256:
            pieces.append(bytes([int(octal, 8)]))
        elif short is not None or long is not None:
            pieces.append(chr(int(short or long, 16)).encode())
        else:
            raise ValueError(text)
    return b"".join(pieces).decode("utf-8", "surrogateescape")
