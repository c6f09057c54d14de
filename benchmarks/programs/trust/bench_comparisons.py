"""Twenty benchmarks whose work is in proportion to WORK."""

from __future__ import annotations

import json

import whet

WORK = 1000
WORDS = [f"word{i % 37}" for i in range(WORK)]
DOCUMENT = {word: [i, str(i)] for i, word in enumerate(f"key{j}" for j in range(WORK))}


def total(n: int) -> int:
    found = 0
    for i in range(n):
        found += i & 3
    return found


@whet.parametrize(part=[1, 2, 3, 4, 5])
def bench_loop(b: whet.B, part: int) -> None:
    for _ in b:
        total(WORK * part)


@whet.parametrize(part=[1, 2, 3, 4, 5])
def bench_count(b: whet.B, part: int) -> None:
    words = WORDS * part
    for _ in b:
        counts: dict[str, int] = {}
        for word in words:
            counts[word] = counts.get(word, 0) + 1


@whet.parametrize(part=[1, 2, 3, 4, 5])
def bench_dumps(b: whet.B, part: int) -> None:
    documents = [DOCUMENT] * part
    for _ in b:
        for document in documents:
            json.dumps(document)


@whet.parametrize(part=[1, 2, 3, 4, 5])
def bench_sort(b: whet.B, part: int) -> None:
    for _ in b:
        for _ in range(part):
            [*map(len, WORDS)].sort(reverse=True)
