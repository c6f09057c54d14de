"""Decoding takes memory in proportion to its input, whatever the input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from whet import kernels
from wire import content, number, varint

SIZE = 2 << 20
TABLE = content(6, b"")
TYPE = content(1, b"")

DECODE = """
import sys
from whet.errors import FormatError
from whet.formats import pprof

def high_water():
    lines = open("/proc/self/status").read().split("\\n")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10

pprof.decode(sys.stdin.buffer.read(0) or b"\\x32\\x00")
open("/proc/self/clear_refs", "w").write("5")
before = high_water()
outcome = "decoded"
with open(sys.argv[1], "rb") as file:
    try:
        profile = pprof.decode_stream(file)
    except FormatError as error:
        outcome = error
print(high_water() - before, outcome)
"""


def repeated(piece: bytes) -> bytes:
    """Fill SIZE bytes with a piece."""
    return piece * (SIZE // len(piece))


def numbered(field: int, rest: bytes = b"", first: int = 1) -> bytes:
    """Fill about SIZE bytes with rows of different ids."""
    row = len(content(field, number(1, first + 20000) + rest))
    return b"".join(content(field, number(1, first + i) + rest) for i in range(SIZE // row))


INPUTS = {
    "samples of one value": lambda: TABLE + TYPE + repeated(content(2, number(2, 1))),
    "samples of many values": lambda: TABLE + TYPE * 100 + repeated(content(2, content(2, b"\x01" * 100))),
    "one sample of very many values": lambda: TABLE + content(2, content(2, b"\x01" * SIZE)),
    "one very deep stack": lambda: (
        TABLE + TYPE + content(4, number(1, 1)) + content(2, content(1, b"\x01" * SIZE))
    ),
    "a stack of large ids": lambda: TABLE + content(2, content(1, repeated(b"\xff\xff\xff\xff\x7f"))),
    "different large ids": lambda: (
        TABLE + content(2, content(1, b"".join(varint((1 << 34) + i) for i in range(SIZE // 5))))
    ),
    "empty labels": lambda: TABLE + TYPE + content(2, number(2, 1) + repeated(content(3, b""))),
    "small labels": lambda: TABLE + TYPE + content(2, number(2, 1) + repeated(content(3, number(3, 1)))),
    "mappings": lambda: TABLE + numbered(3),
    "locations": lambda: TABLE + numbered(4),
    "locations of hashed ids": lambda: TABLE + numbered(4, first=1 << 40),
    "lines": lambda: (
        TABLE + content(5, number(1, 1)) + content(4, number(1, 1) + repeated(content(4, number(1, 1))))
    ),
    "functions": lambda: TABLE + numbered(5),
    "empty strings": lambda: repeated(TABLE),
    "one long string": lambda: TABLE + content(6, bytes(SIZE)),
    "an unfinished sample": lambda: TABLE + b"\x12" + varint(1 << 60) + bytes(SIZE),
    "an unfinished string": lambda: TABLE + b"\x32" + varint(1 << 60) + bytes(SIZE),
    "an unfinished unknown field": lambda: TABLE + b"\xfa\x7f" + varint(1 << 60) + bytes(SIZE),
    "comments": lambda: TABLE + content(13, bytes(SIZE)),
    "sample types": lambda: TABLE + repeated(TYPE),
}


@pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")
@pytest.mark.parametrize("name", INPUTS)
def test_memory_is_at_most_ten_times_the_input(name: str, tmp_path: Path) -> None:
    data = INPUTS[name]()
    path = tmp_path / "input.pb"
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(path)], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    used, _, outcome = done.stdout.partition(" ")
    print(f"{name}: {int(used) / len(data):.2f} times the input, {outcome.strip()}")
    assert int(used) <= 10 * len(data), outcome
