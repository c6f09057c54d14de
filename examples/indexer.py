"""Index the words of the standard library's sources and answer a query.

    whet run examples/indexer.py [--fixed] [WORD...]

A small search engine, written the way such programs are written on a Friday: one of its functions
is quadratic, which no reader notices and the first profile names. `--fixed` puts the linear one in its place.
"""

from __future__ import annotations

import argparse
import re
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

WORD = re.compile(r"[A-Za-z_]{3,}")
Postings = dict[str, list[str]]
Distinct = Callable[[Iterable[str]], list[str]]


def sources(folder: Path, limit: int) -> Iterator[tuple[str, str]]:
    """Yield the name and text of Python files, in a fixed order."""
    paths = [*folder.glob("*.py"), *folder.glob("[a-z]*/*.py")]
    for path in sorted(p for p in paths if p.parent.name != "test")[:limit]:
        name = str(path.relative_to(folder))
        yield name, path.read_text(encoding="utf-8", errors="replace")


def split(text: str) -> list[str]:
    """Return all words of a text, in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def distinct(words: Iterable[str]) -> list[str]:
    """Return each word once, in order of appearance."""
    seen: list[str] = []
    for word in words:
        if word not in seen:  # looks through the whole list: the planted hot spot
            seen.append(word)
    return seen


def distinct_fixed(words: Iterable[str]) -> list[str]:
    """Do the same in linear time."""
    return list(dict.fromkeys(words))


def build(folder: Path, limit: int, unique: Distinct) -> tuple[Postings, Counter[str]]:
    """Return the files in which each word occurs, and how often it occurs in all."""
    postings: Postings = defaultdict(list)
    counts: Counter[str] = Counter()
    for name, text in sources(folder, limit):
        words = split(text)
        counts.update(words)
        for word in unique(words):
            postings[word].append(name)
    return postings, counts


def rank(postings: Postings, counts: Counter[str], query: Iterable[str]) -> list[tuple[str, float]]:
    """Score files by the words of the query they hold, rare words counting more."""
    scores: defaultdict[str, float] = defaultdict(float)
    for word in query:
        for name in postings.get(word, ()):
            scores[name] += 1 / counts[word]
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description="index the standard library and answer a query")
    parser.add_argument("query", nargs="*", default=["socket", "timeout", "retry"], metavar="WORD")
    parser.add_argument("--fixed", action="store_true", help="use the linear version of the hot spot")
    parser.add_argument("--files", type=int, default=1000, help="how many files to index")
    options = parser.parse_args()

    folder = Path(sysconfig.get_path("stdlib"))
    unique = distinct_fixed if options.fixed else distinct
    postings, counts = build(folder, options.files, unique)
    print(f"{len(postings)} words")
    for name, score in rank(postings, counts, options.query)[:3]:
        print(f"{score:8.4f}  {name}")


if __name__ == "__main__":
    main()
