"""Expressions mean what they mean to Go's regexp package."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

from go_toolchain import go_command
from whet.analyze.regexp.pattern import compile_pattern
from whet.errors import UsageError

SOURCE = Path(__file__).parent / "goregexp"
CASES = int(os.environ.get("WHET_DIFFERENTIAL_CASES", "40")) * 100
SEED = int(os.environ.get("WHET_DIFFERENTIAL_SEED", "1"))
PIECES = [
    "a",
    "b",
    "ab",
    ".",
    "*",
    "+",
    "?",
    "|",
    "(",
    ")",
    "(?:",
    "(?i)",
    "(?s:",
    "(?m)",
    "(?P<x>",
    "(?-i:",
    "[",
    "]",
    "[^",
    "-",
    "^",
    "$",
    r"\b",
    r"\B",
    r"\A",
    r"\z",
    r"\d",
    r"\W",
    r"\s",
    r"\pL",
    r"\P{Lu}",
    r"\p{^N}",
    "{2}",
    "{1,3}",
    "{,2}",
    "{2,",
    "{0}",
    r"\Q",
    r"\E",
    "[[:alpha:]]",
    "[[:^digit:]]",
    r"\x41",
    r"\x{df}",
    r"\101",
    r"\.",
    r"\_",
    r"\_x",
    "ß",
    "Ä",
    "é",
    "日",
    "_",
    "0",
    "1",
    " ",
    r"\n",
    r"\/",
    r"\y",
    "[a-c]",
    r"[\d_]",
    "[]a]",
    "[^]a]",
    "[a-]",
    r"[\pN]",
    "*?",
    "+?",
    "??",
    "(?U)",
    "(?<y>",
    "(?",
    "()",
    "[b-a]",
    r"\8",
    r"\07",
    "(?i:",
    "K",
]
TEXTS = [
    "",
    "a",
    "b",
    "ab",
    "aab",
    "abab",
    "A",
    "AB",
    "\n",
    "a\nb",
    "\na",
    "b\n",
    "0",
    "12",
    "a1",
    "_",
    "a_b",
    " ",
    "a b",
    "ß",
    "ä",
    "Ä",
    "é",
    "É",
    "日本",
    ".",
    "*",
    "[",
    "]",
    "-",
    "a-b",
    "^",
    "$",
    "(a)",
    "{2}",
    "a{,2}",
    "aaa",
    "x",
    "\t",
    "a{2,",
    "abcabcabc",
    "Class.method",
    "k",
    "K",
    "/",
    "\\",
    "8",
]


def ours(pattern: str) -> str:
    """Answer as the Go program does."""
    try:
        search = compile_pattern(pattern, name="test").search
    except UsageError:
        return "error"
    return "".join("01"[search(text)] for text in TEXTS)


def test_random_expressions_match_as_in_go():
    print(f"WHET_DIFFERENTIAL_SEED={SEED}")
    rng = random.Random(SEED)
    patterns = ["".join(rng.choices(PIECES, k=rng.randint(1, 7))) for _ in range(CASES)]
    questions = "".join(json.dumps({"p": p, "t": TEXTS}) + "\n" for p in patterns)
    environment = {**os.environ, "GO111MODULE": "off"}
    done = subprocess.run(
        [go_command(), "run", "main.go"],
        cwd=SOURCE, env=environment, input=questions.encode(), capture_output=True, check=True, timeout=240,
    )  # fmt: skip
    answers = done.stdout.decode().splitlines()
    assert len(answers) == len(patterns)
    wrong = [(p, theirs, ours(p)) for p, theirs in zip(patterns, answers, strict=True) if ours(p) != theirs]
    assert wrong == []
