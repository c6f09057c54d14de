"""What the comparisons compare: work in proportion to WORK."""

from __future__ import annotations

import json
import zlib

WORK = 1000
WORDS = [f"word{i % 37}" for i in range(WORK)]
DOCUMENT = {f"key{i}": [i, str(i)] for i in range(WORK)}
DATA = bytes(i * 7 & 255 for i in range(64 * WORK))


def total() -> int:
    found = 0
    for i in range(WORK):
        found += i & 3
    return found


def count() -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in WORDS:
        counts[word] = counts.get(word, 0) + 1
    return counts


def dumps() -> str:
    return json.dumps(DOCUMENT)


def order() -> list[int]:
    return sorted(map(len, WORDS), reverse=True)


def join() -> str:
    return ",".join([word.upper() for word in WORDS])


def objects() -> int:
    return len([object() for _ in range(WORK)])


def chain() -> int:
    return sum(x * x for x in range(WORK))


def checksum() -> int:
    return zlib.crc32(DATA)
