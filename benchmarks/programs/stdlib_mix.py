"""A program of many functions with fixed work: what `benchmarks/compare_errors.py` records again and again.

    python stdlib_mix.py [ROUNDS]

A round parses, prints, searches, compares and compresses text with the standard library and takes about
a tenth of a second.
"""

from __future__ import annotations

import ast
import difflib
import fractions
import inspect
import json
import re
import sys
import textwrap
import tokenize
import zlib
from io import StringIO

WORD = re.compile(r"[A-Za-z_]\w*")


def parse(source: str) -> int:
    """Parse a source file and walk its tree."""
    return sum(isinstance(node, ast.Name) for node in ast.walk(ast.parse(source)))


def print_back(source: str) -> int:
    """Parse a source file and write it out again."""
    return len(ast.unparse(ast.parse(source)))


def tokens(source: str) -> int:
    """Count the tokens of a source file."""
    return sum(1 for _ in tokenize.generate_tokens(StringIO(source).readline))


def documents(source: str) -> int:
    """Encode the words of a source file as an indented document and decode it."""
    words = {f"{word}{i}": [i, str(i), None] for i, word in enumerate(WORD.findall(source)[:1500])}
    return len(json.loads(json.dumps(words, indent=1, sort_keys=True)))


def compare(source: str) -> int:
    """Compare a source file with a copy that lacks every seventh line."""
    lines = source.splitlines()[:250]
    shorter = [line for i, line in enumerate(lines) if i % 7]
    return len(list(difflib.unified_diff(lines, shorter, lineterm="")))


def series(terms: int) -> fractions.Fraction:
    """Add up a series exactly."""
    return sum((fractions.Fraction(1, n * n) for n in range(1, terms)), fractions.Fraction())


def reflow(source: str) -> int:
    """Wrap the text and compress it."""
    text = textwrap.fill(source[:12_000], width=60)
    return len(zlib.compress(text.encode(), 6))


def main() -> None:
    """Do ROUNDS rounds of the same work."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    source = inspect.getsource(textwrap)
    large = inspect.getsource(json.decoder) + source
    for _ in range(rounds):
        parse(large)
        print_back(source)
        tokens(large)
        documents(large)
        compare(source)
        series(150)
        reflow(large)


if __name__ == "__main__":
    main()
