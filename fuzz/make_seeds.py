"""Write seed inputs for the fuzz targets: profiles with every field of profile.proto, gzip, collapsed stacks.

Profiles are hand-encoded on purpose, so that the seeds do not depend on the encoder under test.

Usage: python make_seeds.py FOLDER
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path


def varint(n: int) -> bytes:
    """Encode an integer, negative ones as 64-bit two's complement."""
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def number(field: int, n: int) -> bytes:
    """Encode a varint field."""
    return varint(field << 3) + varint(n)


def content(field: int, payload: bytes) -> bytes:
    """Encode a length-delimited field."""
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def numbers(*values: int) -> bytes:
    """Encode a message whose fields 1, 2, ... are the values; None-like zeros are left out."""
    return b"".join(number(i, v) for i, v in enumerate(values, 1) if v)


STRINGS = [b"", b"samples", b"count", b"cpu", b"nanoseconds", b"main", b"/a.py", b"key", b"bytes", b"\xff"]
TABLE = b"".join(content(6, s) for s in STRINGS)
TYPES = content(1, numbers(1, 2)) + content(1, numbers(3, 4))
HEAD = (
    number(9, 1_700_000_000_000_000_000) + number(10, 10**9) + content(11, numbers(3, 4)) + number(12, 10**7)
)


def tables(location: int, function: int, mapping: int) -> bytes:
    """Return one mapping, one location with two lines, one function, under the given ids."""
    line = numbers(function, 10, 3)
    place = (
        number(1, location) + number(2, mapping) + number(3, 0x401000) + content(4, line) * 2 + number(5, 1)
    )
    return (
        content(3, numbers(mapping, 0x400000, 0x500000, 0x1000, 6, 5, 1, 1, 1, 1))
        + content(4, place)
        + content(5, numbers(function, 5, 5, 6, 1))
    )


def seeds() -> dict[str, bytes]:
    """Return all seeds by name."""
    labels = content(3, numbers(7, 5)) + content(3, numbers(7, 0, -5, 8)) + content(3, numbers(7, 0, 9))
    packed = content(1, varint(1) * 3) + content(2, varint(2) + varint(-20))
    mixed = content(1, varint(1)) + number(1, 1) + number(2, 2) + content(2, varint(20)) + labels
    big = 0xFEDC_BA98_7654_3210
    tail = number(7, 5) + number(8, 5) + content(13, varint(5) * 3) + number(14, 3) + number(15, 6)
    unknown = (
        number(40, 7) + content(41, b"abc") + varint(42 << 3 | 1) + bytes(8) + varint(43 << 3 | 5) + bytes(4)
    )
    return {
        "empty-table": content(6, b""),
        "packed": TYPES + content(2, packed) * 2 + tables(1, 1, 1) + TABLE + HEAD,
        "mixed": TYPES + content(2, mixed) + tables(1, 1, 1) + TABLE + HEAD + tail,
        "strings-first": TABLE + tables(1, 1, 1) + content(2, packed) + TYPES + tail + unknown,
        "hash-ids": TYPES
        + content(2, content(1, varint(big) * 4) + number(2, 1) + number(2, 2))
        + tables(big, big - 1, big - 2)
        + TABLE,
        "many-rows": TYPES
        + b"".join(content(2, number(1, i) + number(2, i) + number(2, -i)) for i in range(1, 12))
        + b"".join(tables(i, i + 100, i) for i in range(1, 12))
        + TABLE
        + HEAD,
        "two-profiles": (TYPES + TABLE + HEAD) * 2,
    }


def packed_seeds() -> dict[str, bytes]:
    """Return gzip streams of every kind of block, by name."""
    content = TABLE * 3 + bytes(range(40)) + bytes(300)
    found = {}
    for level, strategy in ((0, 0), (1, 0), (9, 0), (6, zlib.Z_HUFFMAN_ONLY), (6, zlib.Z_FIXED)):
        packer = zlib.compressobj(level, zlib.DEFLATED, 31, 8, strategy)
        found[f"level-{level}-{strategy}"] = packer.compress(content) + packer.flush()
    found["two-members"] = found["level-1-0"] + bytes(2) + found["level-0-0"]
    return found


def folded_seeds() -> dict[str, bytes]:
    """Return collapsed stacks of every kind of line, by name."""
    return {
        "plain": b"main;parse;read 3\nmain;parse 4\nmain;parse;read -1\n",
        "places": b"f (a.py:1);g (b (2).py:30) 7\n# a comment\n\nf (a.py:01) +2\r\n",
        "odd": b";;a;; 1\n5\nx )(y:1) 2 \t\n(a:1);f (:9) 1\na 9223372036854775807\na 1",
    }


def load_seeds() -> dict[str, bytes]:
    """Return answers of HTTP/1.1 behind the byte that the target takes for itself, by name."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    return {
        "same": b"\x05" + (ok + b"hello") * 4,
        "two": b"\x4f" + (ok + b"hello" + b"HTTP/1.1 204 No\r\n\r\n") * 3,
        "many": b"\x13" + b"".join(b"HTTP/1.1 20%d\r\n\r\n" % n + b"x" * n for n in range(12)) * 2,
        "empty": b"\x00\r\n\r\n\r\n\r\nx",
    }


def main() -> None:
    """Write the seeds into the folder named on the command line."""
    folder = Path(sys.argv[1])
    kinds = {"pprof": seeds(), "gunzip": packed_seeds(), "folded": folded_seeds(), "load": load_seeds()}
    for kind, made in kinds.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            (folder / kind / name).write_bytes(data)


if __name__ == "__main__":
    main()
