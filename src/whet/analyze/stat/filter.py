"""Filters: which results, and which of their values, take part.

The language is benchstat's: `key:value`, `key:/expression/`, `key:(a OR b)`, `AND` (or nothing),
`OR`, `-`, `*` and parentheses. A term about `.unit` chooses values, every other one results.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from whet.analyze.stat.facts import Facts, extractor
from whet.analyze.stat.syntax import Token, Tokens

__all__ = ["Filter", "Mask", "all_of", "parse_filter"]

# One flag for each value, or one for the result as a whole.
Mask = list[bool] | bool
Filter = Callable[[Facts], Mask]


def parse_filter(text: str, *, option: str = "-filter") -> Filter:
    """Compile a filter.

    Raises:
        UsageError: it is malformed; the message points at the place.
    """
    tokens = Tokens(text, option)
    result = _alternatives(tokens)
    if tokens.peek().kind:
        raise tokens.fail(f'unexpected "{tokens.peek().text}"')
    return result


def _alternatives(tokens: Tokens) -> Filter:
    terms = [_conjunction(tokens)]
    while tokens.peek().kind == "O":
        tokens.take()
        terms.append(_conjunction(tokens))
    return terms[0] if len(terms) == 1 else _any_of(terms)


def _conjunction(tokens: Tokens) -> Filter:
    terms = [_match(tokens)]
    while True:
        kind = tokens.peek().kind
        if kind == "A":
            tokens.take()
        elif kind in (")", "O", ""):
            return terms[0] if len(terms) == 1 else all_of(terms)
        elif kind in ("(", "-", "*", "w", "q"):
            terms.append(_match(tokens))
        else:
            raise tokens.fail(f'unexpected "{tokens.peek().text}"')


def _match(tokens: Tokens) -> Filter:
    token = tokens.peek()
    if token.kind == "(":
        tokens.take()
        inner = _alternatives(tokens)
        if tokens.peek().kind != ")":
            raise tokens.fail('missing ")"')
        tokens.take()
        return inner
    if token.kind == "-":
        tokens.take()
        return _none_of(_match(tokens))
    if token.kind == "*":
        tokens.take()
        return all_of([])
    if token.is_word:
        return _key_value(tokens)
    raise tokens.fail("expected key:value or subexpression")


def _key_value(tokens: Tokens) -> Filter:
    key = tokens.take()
    if tokens.peek().kind != ":":
        raise tokens.fail("expected key:value", key.offset)
    tokens.take()
    value = tokens.take(value=True)
    if value.kind in ("w", "q", "r"):
        return _term(tokens, key, value)
    if value.kind != "(":
        raise tokens.fail("expected key:value", key.offset)
    terms = []
    while True:
        value = tokens.take(value=True)
        if value.kind not in ("w", "q", "r"):
            raise tokens.fail("expected value", value.offset)
        terms.append(_term(tokens, key, value))
        separator = tokens.take(value=True)
        if separator.kind == ")":
            return _any_of(terms)
        if separator.kind != "O":
            raise tokens.fail("value list must be separated by OR", separator.offset)


def _term(tokens: Tokens, key: Token, value: Token) -> Filter:
    matches: Callable[[str], bool]
    matches = value.pattern.search if value.pattern is not None else value.text.__eq__
    if key.text == ".unit":
        return lambda facts: [
            matches(unit.tidied) or (unit.written != "" and matches(unit.written)) for unit in facts.units
        ]
    if key.text == ".config":
        raise tokens.fail(".config is only allowed in projections", key.offset)
    try:
        extract = extractor(key.text)
    except ValueError as problem:
        raise tokens.fail(str(problem), key.offset) from None
    return lambda facts: matches(extract(facts))


def _none_of(term: Filter) -> Filter:
    def negated(facts: Facts) -> Mask:
        mask = term(facts)
        return not mask if isinstance(mask, bool) else [not flag for flag in mask]

    return negated


def all_of(terms: Sequence[Filter]) -> Filter:
    """Return the filter that passes what all of these pass."""
    return _joined(terms, neutral=True, combine=operator.and_)


def _any_of(terms: Sequence[Filter]) -> Filter:
    return _joined(terms, neutral=False, combine=operator.or_)


def _joined(terms: Sequence[Filter], *, neutral: bool, combine: Callable[[bool, bool], bool]) -> Filter:
    """Join filters; a term that is the opposite of `neutral` for everything decides alone."""

    def joined(facts: Facts) -> Mask:
        result: Mask = neutral
        for term in terms:
            mask = term(facts)
            if isinstance(mask, bool):
                if mask is not neutral:
                    return mask
            elif isinstance(result, bool):
                result = mask
            else:
                result = [combine(a, b) for a, b in zip(result, mask, strict=True)]
        return result

    return joined
