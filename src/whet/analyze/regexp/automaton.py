"""Search with an automaton that is built while it runs.

K. Thompson's construction (CACM 11, 1968) makes a nondeterministic automaton; the sets of
states it can be in are made into states of a deterministic one when they are first met
(R. Cox, "Regular Expression Matching Can Be Simple And Fast", 2007). A character costs one
look-up when its step is known and at most one pass over the program when it is not, and
what is remembered is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from whet.analyze.regexp.charset import PERL, CharSet
from whet.analyze.regexp.syntax import (
    Alternate,
    Assertion,
    Concat,
    Node,
    RegexpSyntaxError,
    Repeat,
)

__all__ = ["Automaton"]

_MOST_INSTRUCTIONS = 20_000
_MOST_STATES = 5_000
_MOST_STEPS = 200_000


@dataclass(slots=True)
class _Program:
    """Instruction i: what it tests (None: nothing) and where it goes on to."""

    tests: list[CharSet | Assertion | None] = field(default_factory=list)
    targets: list[list[int]] = field(default_factory=list)

    def add(self, test: CharSet | Assertion | None, targets: list[int]) -> int:
        if len(self.tests) >= _MOST_INSTRUCTIONS:
            raise RegexpSyntaxError("expression is too large")
        self.tests.append(test)
        self.targets.append(targets)
        return len(self.tests) - 1


class _State:
    """A set of instructions about to be tried, and the character before."""

    __slots__ = ("before", "core", "end", "steps")

    def __init__(self, core: frozenset[int], before: str | None) -> None:
        self.core = core
        self.before = before
        self.steps: dict[str, _State | None] = {}
        self.end: bool | None = None


class Automaton:
    """A compiled expression.

    Raises:
        RegexpSyntaxError: the expression needs too large a program.
    """

    def __init__(self, node: Node) -> None:
        self._program = _Program()
        self._accept = self._program.add(None, [])
        self._start = self._build(node, self._accept)
        self._forget()

    def search(self, text: str) -> bool:
        """Tell whether any part of the text matches."""
        state = self._first
        for char in text:
            if char in state.steps:
                following = state.steps[char]
            else:
                following = self._step(state, char)
            if following is None:
                return True
            state = following
        if state.end is None:
            state.end = self._accept in self._closure(state, None)
        return state.end

    def _forget(self) -> None:
        self._states: dict[tuple[frozenset[int], str | None], _State] = {}
        self._step_count = 0
        self._first = self._state(frozenset([self._start]), None)

    def _state(self, core: frozenset[int], before: str | None) -> _State:
        key = (core, before)
        if key not in self._states:
            self._states[key] = _State(core, before)
        return self._states[key]

    def _step(self, state: _State, char: str) -> _State | None:
        """Return the state after a character; None where a match ended before it."""
        if len(self._states) > _MOST_STATES or self._step_count > _MOST_STEPS:
            self._forget()
        self._step_count += 1
        reached = self._closure(state, char)
        if self._accept in reached:
            state.steps[char] = None
            return None
        core = {self._start}
        for i in reached:
            test = self._program.tests[i]
            if isinstance(test, CharSet) and test.accepts(char):
                core.update(self._program.targets[i])
        following = self._state(frozenset(core), _kind(char))
        state.steps[char] = following
        return following

    def _closure(self, state: _State, char: str | None) -> set[int]:
        """Return the instructions reachable without a character, between two characters."""
        after = _kind(char)
        reached: set[int] = set()
        waiting = list(state.core)
        while waiting:
            i = waiting.pop()
            if i in reached:
                continue
            reached.add(i)
            test = self._program.tests[i]
            if test is None or (isinstance(test, Assertion) and _holds(test.kind, state.before, after)):
                waiting += self._program.targets[i]
        return reached

    def _build(self, node: Node, target: int) -> int:
        """Add the instructions of a node that go on to `target`; return the first."""
        if isinstance(node, CharSet | Assertion):
            return self._program.add(node, [target])
        if isinstance(node, Concat):
            for part in reversed(node.parts):
                target = self._build(part, target)
            return target
        if isinstance(node, Alternate):
            return self._program.add(None, [self._build(c, target) for c in node.choices])
        return self._build_repeat(node, target)

    def _build_repeat(self, node: Repeat, target: int) -> int:
        if node.most is None:
            again = self._program.add(None, [target])
            self._program.targets[again].append(self._build(node.node, again))
            target = again
        else:
            end = target
            for _ in range(node.most - node.least):
                target = self._program.add(None, [end, self._build(node.node, target)])
        for _ in range(node.least):
            before, target = target, self._build(node.node, target)
            if target == before:
                break  # the node is empty text: any number of it is too
        return target


def _kind(char: str | None) -> str | None:
    """Reduce a character to what assertions ask of it; None is the end of the text."""
    if char is None or char == "\n":
        return char
    return "w" if PERL["w"].accepts(char) else " "


def _holds(kind: str, before: str | None, after: str | None) -> bool:
    if kind == "begin_text":
        return before is None
    if kind == "end_text":
        return after is None
    if kind == "begin_line":
        return before in (None, "\n")
    if kind == "end_line":
        return after in (None, "\n")
    return ((before == "w") != (after == "w")) == (kind == "word")
